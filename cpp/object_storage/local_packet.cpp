// Receiving and sending packets with descriptors, without waiting.
#include "object_storage/local_packet.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "ymq/descriptor.h"

namespace scaler::object_storage {
namespace {

// More than one is refused; the kernel closes those for which there is no room here.
constexpr std::size_t kDescriptorsRoom = 4;

ReceivedPacket refused(std::string reason) {
    return {.kind = ReceivedPacket::Kind::refused, .request = {}, .reason = std::move(reason)};
}

std::vector<ymq::Descriptor> descriptorsOf(msghdr& message) {
    std::vector<ymq::Descriptor> descriptors;
    for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t index = 0; index < count; ++index) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(control) + index * sizeof(int), sizeof(int));
            descriptors.emplace_back(number);
        }
    }
    return descriptors;
}

ReceivedPacket receivedRequest(std::span<const std::byte> packet, std::vector<ymq::Descriptor> descriptors,
                               SealedFiles& files, std::uint64_t copy_limit_bytes) {
    if (packet.size() < kHeaderBytes) {
        return refused("a packet of " + std::to_string(packet.size()) + " bytes, which are less than a header");
    }
    ReceivedPacket received{.kind = ReceivedPacket::Kind::request};
    received.request.header = ymq::Bytes::copy(packet.first(kHeaderBytes));
    const std::span<const std::byte> behind = packet.subspan(kHeaderBytes);
    if (descriptors.empty()) {
        received.request.payload = behind.empty() ? ymq::Bytes() : ymq::Bytes::copy(behind);
        return received;
    }
    if (descriptors.size() > 1 || !behind.empty()) {
        return refused("a packet with a descriptor and something else");
    }
    const auto header = readRequestHeader(received.request.header.span());
    if (!header) {
        return refused("malformed request header");
    }
    ymq::Result<ymq::Bytes> content =
        files.take(std::move(descriptors.front()), header->payload_length, copy_limit_bytes);
    if (!content) {
        return refused(content.error().context);
    }
    received.request.payload = std::move(*content);
    return received;
}

HeaderBytes overTcp(const HeaderBytes& header) {
    ResponseHeader response = readResponseHeader(header).value_or(ResponseHeader());
    response.type = ResponseType::overTcp;
    response.payload_length = 0;
    return writeResponseHeader(response);
}

}  // namespace

ReceivedPacket receivePacket(int socket, std::span<std::byte> memory, SealedFiles& files,
                             std::uint64_t copy_limit_bytes) {
    iovec vector{memory.data(), memory.size()};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kDescriptorsRoom * sizeof(int))> control;
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t size = 0;
    do {
        size = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        const bool is_empty = errno == EAGAIN || errno == EWOULDBLOCK;
        return {.kind = is_empty ? ReceivedPacket::Kind::none : ReceivedPacket::Kind::ended};
    }
    std::vector<ymq::Descriptor> descriptors = descriptorsOf(message);
    if ((message.msg_flags & MSG_CTRUNC) != 0) {
        return refused(descriptors.empty() ? "no descriptor is free to take a payload"
                                           : "a packet with several descriptors");
    }
    if ((message.msg_flags & MSG_TRUNC) != 0) {
        return refused("a packet of more than " + std::to_string(memory.size()) + " bytes");
    }
    if (size == 0 && descriptors.empty()) {
        return {.kind = ReceivedPacket::Kind::ended};
    }
    return receivedRequest(memory.first(static_cast<std::size_t>(size)), std::move(descriptors), files,
                           copy_limit_bytes);
}

SendOutcome sendPacket(int socket, const HeaderBytes& header, const ymq::Bytes& payload) {
    const int descriptor = SealedFiles::descriptorOf(payload);
    const bool is_inline = descriptor < 0 && payload.size() <= kInlineBytes;
    HeaderBytes sent = is_inline || descriptor >= 0 ? header : overTcp(header);
    std::array<iovec, 2> vectors{iovec{sent.data(), sent.size()},
                                 iovec{const_cast<std::byte*>(payload.data()), payload.size()}};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = is_inline && !payload.empty() ? 2 : 1;
    if (descriptor >= 0) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* const first = CMSG_FIRSTHDR(&message);
        first->cmsg_level = SOL_SOCKET;
        first->cmsg_type = SCM_RIGHTS;
        first->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(first), &descriptor, sizeof(int));
    }
    while (::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return SendOutcome::wouldBlock;
        }
        if (errno == ETOOMANYREFS && descriptor >= 0) {
            // Readers have left too many descriptors unread; this one can go the other way.
            sent = overTcp(header);
            message.msg_control = nullptr;
            message.msg_controllen = 0;
        } else if (errno != EINTR) {
            return SendOutcome::failed;
        }
    }
    return SendOutcome::sent;
}

}  // namespace scaler::object_storage
