// Options, endpoints and names of connected sockets.
#include "ymq/stream_socket.h"

#ifndef _WIN32
#include <netinet/tcp.h>
#endif

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstring>
#include <memory>

namespace scaler::ymq {

void setConnectionOptions(NativeSocket descriptor, int family) noexcept {
    if (family != AF_INET && family != AF_INET6) return;
    setOption(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    keepAlive(descriptor);
}

std::optional<Error> refusalOf(const Address& address) {
    const auto because = [&address](const char* reason) {
        return Error{ErrorCode::configurationError, address.toString() + ": " + reason};
    };
    if (address.scheme != Address::Scheme::ipc) return std::nullopt;
    if (!kHasUnixSockets) return because("this system has no Unix sockets, use a tcp:// address");
    if (address.isAbstract() && !kHasAbstractNames) {
        return because("this system has no sockets without a file, use the path of one, or a tcp:// address");
    }
    return std::nullopt;
}

StreamEndpoint ipcEndpoint(const Address& address) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, address.path.data(), address.path.size());
    std::size_t size = offsetof(sockaddr_un, sun_path) + address.path.size();
    if (address.isAbstract()) {
        name.sun_path[0] = '\0';
    } else {
        ++size;
    }
    return StreamEndpoint(&name, size);
}

bool isLiteral(const Address& address) noexcept {
    in6_addr buffer{};
    return ::inet_pton(AF_INET, address.host.c_str(), &buffer) == 1 ||
           ::inet_pton(AF_INET6, address.host.c_str(), &buffer) == 1;
}

namespace {

std::string resolverText(int failure) {
#ifdef _WIN32
    return errorText(failure);
#else
    return ::gai_strerror(failure);
#endif
}

}  // namespace

Result<std::vector<StreamEndpoint>> resolve(const Address& address) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (isLiteral(address) ? AI_NUMERICHOST : 0);
    addrinfo* list = nullptr;
    const int failure = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &list);
    if (failure != 0) {
        return Error{ErrorCode::connectFailed, resolverText(failure)};
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
    std::vector<StreamEndpoint> endpoints;
    for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
        endpoints.emplace_back(entry->ai_addr, entry->ai_addrlen);
    }
    return endpoints;
}

std::string describePeer(NativeSocket descriptor) {
    sockaddr_storage storage{};
    socklen_t size = sizeof(storage);
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return "unknown";
    char host[INET6_ADDRSTRLEN] = "";
    if (storage.ss_family == AF_INET) {
        const auto& name = reinterpret_cast<const sockaddr_in&>(storage);
        ::inet_ntop(AF_INET, &name.sin_addr, host, sizeof(host));
        return std::string(host) + ":" + std::to_string(ntohs(name.sin_port));
    }
    if (storage.ss_family == AF_INET6) {
        const auto& name = reinterpret_cast<const sockaddr_in6&>(storage);
        ::inet_ntop(AF_INET6, &name.sin6_addr, host, sizeof(host));
        return "[" + std::string(host) + "]:" + std::to_string(ntohs(name.sin6_port));
    }
#ifdef SO_PEERCRED
    ucred credentials{};
    size = sizeof(credentials);
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
        return "local process " + std::to_string(credentials.pid);
    }
#endif
    return "local process";
}

std::string errorText(int number) { return boost::system::system_category().message(number); }

}  // namespace scaler::ymq
