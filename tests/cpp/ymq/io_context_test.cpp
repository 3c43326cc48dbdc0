// Starting I/O threads when that fails.
#include "ymq/io_context.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <stdexcept>

namespace scaler::ymq {

namespace {

// Lets this process open no descriptor until it goes out of scope.
class NoDescriptors {
public:
    NoDescriptors() {
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
        rlimit none = before_;
        none.rlim_cur = 0;
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

private:
    rlimit before_{};
};

bool isBlocked(int signal) {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return sigismember(&mask, signal) == 1;
}

}  // namespace

TEST(IoContext, SignalsOfTheCallerAreLetThroughAgainWhenALoopCannotBeMade) {
    ASSERT_FALSE(isBlocked(SIGTERM));
    {
        const NoDescriptors none;
        EXPECT_THROW(IoContext(1), std::runtime_error);
    }
    EXPECT_FALSE(isBlocked(SIGTERM));
    EXPECT_FALSE(isBlocked(SIGINT));
}

}  // namespace scaler::ymq
