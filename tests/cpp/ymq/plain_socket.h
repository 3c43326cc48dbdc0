// Blocking sockets for tests, on every system.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <span>

#include "ymq/descriptor.h"

#ifndef _WIN32
#include <fcntl.h>
#endif

namespace scaler::ymq::test {

using namespace std::chrono_literals;

inline void setBlocking(NativeSocket socket) {
#ifdef _WIN32
    u_long off = 0;
    EXPECT_EQ(::ioctlsocket(socket, static_cast<long>(FIONBIO), &off), 0);
#else
    EXPECT_EQ(::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) & ~O_NONBLOCK), 0);
#endif
}

inline Descriptor blockingSocket() {
    Descriptor socket(openStreamSocket(AF_INET));
    setBlocking(socket.get());
    return socket;
}

inline sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return name;
}

inline bool connectTo(NativeSocket socket, std::uint16_t port) {
    const sockaddr_in name = loopback(port);
    return ::connect(socket, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0;
}

// Listens at a free port, which it tells.
inline Descriptor listeningSocket(std::uint16_t& port, int backlog) {
    Descriptor listener = blockingSocket();
    sockaddr_in name = loopback(0);
    socklen_t size = sizeof(name);
    EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&name), size), 0);
    EXPECT_EQ(::listen(listener.get(), backlog), 0);
    EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&name), &size), 0);
    port = ntohs(name.sin_port);
    return listener;
}

inline Descriptor acceptBlocking(const Descriptor& listener) {
    Descriptor accepted(acceptFrom(listener.get()));
    if (accepted.isOpen()) setBlocking(accepted.get());
    return accepted;
}

inline bool isReadableWithin(NativeSocket socket, std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        PollEntry entry{socket, POLLIN, 0};
        if (waitReadable(std::span(&entry, 1), std::max(left, 0ms)) > 0) return true;
        if (left <= 0ms) return false;
    }
}

// Returns what recv() does.
inline std::ptrdiff_t receive(NativeSocket socket, char* buffer, std::size_t size) {
#ifdef _WIN32
    return ::recv(socket, buffer, static_cast<int>(size), 0);
#else
    return ::recv(socket, buffer, size, 0);
#endif
}

// Returns what send() does, and raises no signal.
inline std::ptrdiff_t transmit(NativeSocket socket, const char* data, std::size_t size) {
#ifdef _WIN32
    return ::send(socket, data, static_cast<int>(size), 0);
#else
    return ::send(socket, data, size, MSG_NOSIGNAL);
#endif
}

}  // namespace scaler::ymq::test
