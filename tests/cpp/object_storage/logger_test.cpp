#include "object_storage/logger.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <regex>
#include <sstream>
#include <system_error>

namespace scaler::object_storage {
namespace {

std::string contentOf(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

class LogFiles : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "logger_test_XXXXXX").string();
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path folder_;
};

TEST(LogLine, KnowsItsTokens) {
    EXPECT_EQ(formatLogLine("%(levelname)s: %(message)s", LogLevel::info, "started", 0), "INFO: started");
    EXPECT_EQ(formatLogLine("%(name)s:%(lineno)s", LogLevel::info, "", 0), "cpp-logger:0");
    EXPECT_EQ(formatLogLine("100%%", LogLevel::info, "", 0), "100%");
    const std::string line = formatLogLine("%(asctime)s", LogLevel::info, "", 0);
    EXPECT_TRUE(std::regex_match(line, std::regex(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4})"))) << line;
}

TEST(LogLine, KeepsWhatItDoesNotKnow) {
    EXPECT_EQ(formatLogLine("%(unknown)s %d %(message) %", LogLevel::info, "x", 0), "%(unknown)s %d %(message) %");
    EXPECT_EQ(formatLogLine("%(message)s", LogLevel::info, "%(levelname)s %%", 0), "%(levelname)s %%");
}

TEST(LogLine, PrintsShortLevelNames) {
    EXPECT_EQ(formatLogLine("%(levelname)s", LogLevel::critical, "", 0), "CTIC");
    EXPECT_EQ(formatLogLine("%(levelname)s", LogLevel::error, "", 0), "EROR");
    EXPECT_EQ(formatLogLine("%(levelname)s", LogLevel::warning, "", 0), "WARN");
    EXPECT_EQ(formatLogLine("%(levelname)s", LogLevel::debug, "", 0), "DEBG");
}

TEST(LogLevelName, IsUnderstoodInEveryForm) {
    EXPECT_EQ(parseLogLevel("debug"), LogLevel::debug);
    EXPECT_EQ(parseLogLevel("DEBG"), LogLevel::debug);
    EXPECT_EQ(parseLogLevel("WARNING"), LogLevel::warning);
    EXPECT_EQ(parseLogLevel("EROR"), LogLevel::error);
    EXPECT_EQ(parseLogLevel("loud"), std::nullopt);
}

TEST_F(LogFiles, EveryFileGetsEveryLineOfTheLevel) {
    const auto first = folder_ / "first.log";
    const auto second = folder_ / "second.log";
    const Logger logger(LogLevel::info, "%(levelname)s: %(message)s", {first.string(), second.string()});
    logger.log(LogLevel::info, "one");
    logger.log(LogLevel::debug, "hidden");
    logger.log(LogLevel::error, "two");
    EXPECT_EQ(contentOf(first), "INFO: one\nEROR: two\n");
    EXPECT_EQ(contentOf(second), contentOf(first));
}

TEST_F(LogFiles, RotatedFileIsReopened) {
    const auto path = folder_ / "server.log";
    const Logger logger(LogLevel::info, "%(message)s", {path.string()});
    logger.log(LogLevel::info, "one");
    std::filesystem::rename(path, folder_ / "old.log");
    logger.log(LogLevel::info, "two");
    EXPECT_EQ(contentOf(path), "two\n");
}

TEST_F(LogFiles, PathThatCannotBeOpenedRaises) {
    EXPECT_THROW(Logger(LogLevel::info, "", {(folder_ / "missing" / "x.log").string()}), std::system_error);
}

// Fills a pipe, and returns whether the call then comes back although nobody reads.
template <typename Call>
bool returnsAtOnce(int reader, int writer, const Call& call) {
    constexpr std::chrono::seconds kPatience{3};
    ::fcntl(writer, F_SETFL, O_NONBLOCK);
    const std::string block(4096, 'x');
    while (::write(writer, block.data(), block.size()) > 0) {
    }
    ::fcntl(writer, F_SETFL, 0);
    const std::future<void> done = std::async(std::launch::async, call);
    const bool is_done = done.wait_for(kPatience) == std::future_status::ready;
    std::string drained(2 << 20U, ' ');
    (void)!::read(reader, drained.data(), drained.size());
    return is_done;
}

TEST_F(LogFiles, PipeThatNobodyReadsLosesTheLine) {
    const std::string path = (folder_ / "pipe").string();
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    const int both = ::open(path.c_str(), O_RDWR);
    const Logger logger(LogLevel::info, "%(message)s", {path});
    EXPECT_TRUE(returnsAtOnce(both, both, [&logger] { logger.log(LogLevel::info, "lost"); }));
    ::close(both);
}

TEST_F(LogFiles, StandardStreamThatNobodyReadsLosesTheLine) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const int before = ::dup(STDERR_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    const Logger logger(LogLevel::info, "%(message)s", {"/dev/stderr"});
    const bool is_done = returnsAtOnce(ends[0], ends[1], [&logger] { logger.log(LogLevel::info, "lost"); });
    ::dup2(before, STDERR_FILENO);
    EXPECT_TRUE(is_done);
    for (const int descriptor : {before, ends[0], ends[1]}) {
        ::close(descriptor);
    }
}

TEST_F(LogFiles, FloodOfOneLevelIsLeftOut) {
    const auto path = folder_ / "server.log";
    const Logger logger(LogLevel::info, "%(message)s", {path.string()});
    for (int count = 0; count < 1000; ++count) {
        logger.log(LogLevel::warning, "w");
    }
    logger.log(LogLevel::info, "stopped");
    EXPECT_LT(contentOf(path).size(), 200U);
    EXPECT_NE(contentOf(path).find("stopped\n"), std::string::npos);
}

}  // namespace
}  // namespace scaler::object_storage
