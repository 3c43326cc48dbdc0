#include "ymq/process_name.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace scaler::ymq {

TEST(ProcessName, ThisProcessIsAlive) {
    const ProcessName self = thisProcess();
    EXPECT_EQ(self.pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_NE(self.host, HostId{});
    EXPECT_NE(self.start_time, 0U);
    EXPECT_FALSE(isKnownDead(self));
}

TEST(ProcessName, AKilledProcessIsKnownDeadBeforeAndAfterItIsReaped) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const ProcessName name = thisProcess();
        (void)!::write(pipe_ends[1], &name, sizeof(name));
        for (;;) ::pause();
    }
    ProcessName name;
    ASSERT_EQ(::read(pipe_ends[0], &name, sizeof(name)), static_cast<ssize_t>(sizeof(name)));
    EXPECT_EQ(name.pid, static_cast<std::uint32_t>(child));
    EXPECT_FALSE(isKnownDead(name));
    ::kill(child, SIGKILL);
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
    EXPECT_TRUE(isKnownDead(name)) << "a zombie";
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    EXPECT_TRUE(isKnownDead(name));
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
}

TEST(ProcessName, NothingIsKnownOfOtherMachinesAndALaterProcessIsAnother) {
    ProcessName name = thisProcess();
    name.start_time += 1;
    EXPECT_TRUE(isKnownDead(name)) << "the number was used again";
    name.host = HostId{1};
    EXPECT_FALSE(isKnownDead(name));
    EXPECT_FALSE(isKnownDead(ProcessName{}));
}

}  // namespace scaler::ymq
