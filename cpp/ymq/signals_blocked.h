// Blocks the signals of a thread for a while.
#pragma once

#include "ymq/native_socket.h"

namespace scaler::ymq {

// Blocks all signals in the calling thread until it goes out of scope; threads started meanwhile keep them blocked.
class SignalsBlocked {
public:
    SignalsBlocked() noexcept {
#ifndef _WIN32
        sigset_t all;
        sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
#endif
    }
    ~SignalsBlocked() {
#ifndef _WIN32
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
#endif
    }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

    const SignalMask& before() const noexcept { return before_; }

private:
    SignalMask before_{};
};

}  // namespace scaler::ymq
