#include "object_storage/logger.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
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

}  // namespace
}  // namespace scaler::object_storage
