// A blocking socket for tests that speak the wire format by hand.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "ymq/frame.h"
#include "ymq/plain_socket.h"
#include "ymq/stream_socket.h"

namespace scaler::ymq::test {

using namespace std::chrono_literals;

inline std::string frameOf(std::string_view payload, FrameKind kind = FrameKind::data) {
    const FrameHeader header = encodeHeader(kind, payload.size());
    return std::string(reinterpret_cast<const char*>(header.data()), header.size()) + std::string(payload);
}

inline std::string headerOf(std::uint64_t length) {
    std::string header(8, '\0');
    std::memcpy(header.data(), &length, 8);
    return header;
}

class RawPeer {
public:
    explicit RawPeer(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

    static RawPeer connect(std::uint16_t port) {
        Descriptor descriptor = blockingSocket();
        EXPECT_TRUE(connectTo(descriptor.get(), port));
        return RawPeer(std::move(descriptor));
    }

    // Returns false once the other side has closed.
    bool write(std::string_view bytes) {
        while (!bytes.empty()) {
            const std::ptrdiff_t size = transmit(descriptor_.get(), bytes.data(), bytes.size());
            if (size <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(size));
        }
        return true;
    }

    bool writeFrame(std::string_view payload) { return write(frameOf(payload)); }

    // Returns nothing at the end of the stream, or when nothing comes in time.
    std::optional<std::string> read(std::size_t size, std::chrono::milliseconds timeout = 10s) {
        std::string bytes(size, '\0');
        const auto deadline = std::chrono::steady_clock::now() + timeout;
        for (std::size_t filled = 0; filled < size;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
            if (left.count() <= 0 || !isReadableWithin(descriptor_.get(), left)) return std::nullopt;
            const std::ptrdiff_t got = receive(descriptor_.get(), bytes.data() + filled, size - filled);
            if (got <= 0) return std::nullopt;
            filled += static_cast<std::size_t>(got);
        }
        return bytes;
    }

    std::optional<std::string> readFrame(std::chrono::milliseconds timeout = 10s) {
        const auto header = read(8, timeout);
        if (!header) return std::nullopt;
        std::uint64_t length = 0;
        std::memcpy(&length, header->data(), 8);
        return read(static_cast<std::size_t>(length & kLengthMask), timeout);
    }

    // Tells whether the other side closes within the time; what it sends until then is dropped.
    bool isClosedWithin(std::chrono::milliseconds timeout) {
        const auto deadline = std::chrono::steady_clock::now() + timeout;
        char buffer[4096];
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
            if (left.count() <= 0 || !isReadableWithin(descriptor_.get(), left)) return false;
            if (receive(descriptor_.get(), buffer, sizeof(buffer)) <= 0) return true;
        }
    }

    void halfClose() { shutDownSending(descriptor_.get()); }

    void reset() {
        const linger option{1, 0};
        ::setsockopt(descriptor_.get(), SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&option), sizeof(option));
        descriptor_ = Descriptor();
        close();
    }

    void close() { Descriptor closing = std::move(descriptor_); }

    NativeSocket descriptor() const { return descriptor_.get(); }

private:
    Descriptor descriptor_;
};

}  // namespace scaler::ymq::test
