// Driving an event loop from a test.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "ymq/io_loop.h"

namespace scaler::ymq::test {

// Enters as soon as the I/O thread gives the loop up to the calling thread.
inline void enterWhenGivenUp(IoLoop& loop) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!loop.enter()) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
        loop.follow();
        std::promise<void> woken;
        loop.post([&] {
            loop.onHandedOver();
            woken.set_value();
        });
        woken.get_future().wait();
        loop.unfollow();
    }
}

}  // namespace scaler::ymq::test
