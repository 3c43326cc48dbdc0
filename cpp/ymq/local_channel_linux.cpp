// Names of local channels, and who may listen there.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "ymq/local_channel.h"

namespace scaler::ymq {

namespace {

constexpr std::uint32_t kLoopbackNetwork = 127;

std::string nameOf(const sockaddr* address) {
    std::array<char, INET6_ADDRSTRLEN> host{};
    std::uint16_t port = 0;
    if (address->sa_family == AF_INET) {
        sockaddr_in name{};
        std::memcpy(&name, address, sizeof(name));
        if (ntohl(name.sin_addr.s_addr) >> 24U != kLoopbackNetwork) return {};
        ::inet_ntop(AF_INET, &name.sin_addr, host.data(), host.size());
        port = ntohs(name.sin_port);
    } else if (address->sa_family == AF_INET6) {
        sockaddr_in6 name{};
        std::memcpy(&name, address, sizeof(name));
        if (std::memcmp(&name.sin6_addr, &in6addr_loopback, sizeof(in6addr_loopback)) != 0) return {};
        ::inet_ntop(AF_INET6, &name.sin6_addr, host.data(), host.size());
        port = ntohs(name.sin6_port);
    }
    return port == 0 ? std::string() : "@scaler-ymq-" + std::string(host.data()) + ":" + std::to_string(port);
}

}  // namespace

std::optional<Address> localChannelOf(const Address& address) {
    if (address.scheme != Address::Scheme::tcp || !isLiteral(address)) return std::nullopt;
    const Result<std::vector<StreamEndpoint>> endpoints = resolve(address);
    if (!endpoints || endpoints->empty()) return std::nullopt;
    const std::string name = nameOf(endpoints->front().data());
    if (name.empty()) return std::nullopt;
    return Address{.scheme = Address::Scheme::ipc, .host = {}, .port = 0, .path = name};
}

std::optional<StreamEndpoint> localChannelOf(const StreamEndpoint& endpoint) {
    const std::string name = nameOf(endpoint.data());
    if (name.empty()) return std::nullopt;
    return ipcEndpoint(Address{.scheme = Address::Scheme::ipc, .host = {}, .port = 0, .path = name});
}

bool isTrusted(StreamSocket& socket) {
    ucred listener{};
    socklen_t size = sizeof(listener);
    return ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &listener, &size) == 0 &&
           (listener.uid == ::geteuid() || listener.uid == 0);
}

}  // namespace scaler::ymq
