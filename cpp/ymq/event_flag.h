// A flag that a thread can wait for, and an event loop watch like a socket.
#pragma once

#include "ymq/descriptor.h"

namespace scaler::ymq {

// The owner sees to it that set() and clear() take turns.
class EventFlag {
public:
    // Throws std::system_error when the system has no room for it.
    EventFlag();

    // Makes the descriptor readable.
    void set() noexcept;
    void clear() noexcept;

    NativeSocket descriptor() const noexcept { return descriptor_.get(); }

private:
    Descriptor descriptor_;
};

}  // namespace scaler::ymq
