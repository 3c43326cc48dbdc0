#include "object_storage/command_line.h"

#include <gtest/gtest.h>

#include <vector>

namespace scaler::object_storage {
namespace {

CommandLine parse(const std::vector<const char*>& arguments) { return parseCommandLine(arguments); }

TEST(CommandLine, HasDefaults) {
    const CommandLine line = parse({"tcp://127.0.0.1:1"});
    EXPECT_EQ(line.address, "tcp://127.0.0.1:1");
    EXPECT_EQ(line.identity, "ObjectStorageServer");
    EXPECT_EQ(line.log_paths, std::vector<std::string>{"/dev/stdout"});
    EXPECT_EQ(line.memory_limit_bytes, 0U);
}

TEST(CommandLine, TakesBothFormsOfFlags) {
    const CommandLine line = parse({"--identity", "me", "tcp://h:1", "--log-level=DEBUG", "--log-paths=/a,/b",
                                    "--memory-limit-bytes", "1000", "--get-timeout-seconds=1.5", "--log-format="});
    EXPECT_EQ(line.identity, "me");
    EXPECT_EQ(line.address, "tcp://h:1");
    EXPECT_EQ(line.log_level, "DEBUG");
    EXPECT_EQ(line.log_format, "");
    EXPECT_EQ(line.log_paths, (std::vector<std::string>{"/a", "/b"}));
    EXPECT_EQ(line.memory_limit_bytes, 1000U);
    EXPECT_EQ(line.get_timeout_seconds, 1.5);
}

TEST(CommandLine, RefusesWhatItDoesNotUnderstand) {
    EXPECT_THROW(parse({}), UsageError);
    EXPECT_THROW(parse({"a", "b"}), UsageError);
    EXPECT_THROW(parse({"a", "--unknown=1"}), UsageError);
    EXPECT_THROW(parse({"a", "--identity"}), UsageError);
    EXPECT_THROW(parse({"a", "--memory-limit-bytes=-1"}), UsageError);
    EXPECT_THROW(parse({"a", "--memory-limit-bytes=1x"}), UsageError);
    EXPECT_THROW(parse({"a", "--get-timeout-seconds=nan"}), UsageError);
}

TEST(CommandLine, HelpAndVersionNeedNoAddress) {
    EXPECT_TRUE(parse({"--help"}).is_help_wanted);
    EXPECT_TRUE(parse({"--version"}).is_version_wanted);
    EXPECT_NE(usage().find("--memory-limit-bytes"), std::string::npos);
}

}  // namespace
}  // namespace scaler::object_storage
