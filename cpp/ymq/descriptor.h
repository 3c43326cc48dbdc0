// The owner of a socket, or, where the system has them, of another file descriptor.
#pragma once

#include <utility>

#include "ymq/native_socket.h"

namespace scaler::ymq {

// Closes what it owns when it goes out of scope.
class Descriptor {
public:
    Descriptor() noexcept = default;
    explicit Descriptor(NativeSocket number) noexcept : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, kNoSocket)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() {
        if (isOpen()) closeNative(number_);
    }

#ifdef _WIN32
    bool isOpen() const noexcept { return number_ != kNoSocket; }
#else
    bool isOpen() const noexcept { return number_ >= 0; }
#endif
    NativeSocket get() const noexcept { return number_; }
    NativeSocket release() noexcept { return std::exchange(number_, kNoSocket); }

private:
    NativeSocket number_{kNoSocket};
};

}  // namespace scaler::ymq
