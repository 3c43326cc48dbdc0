// What the native daemon is told on its command line.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace scaler::object_storage {

// The command line is wrong; the text says in which way.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct CommandLine {
    std::string address{};
    std::string identity = "ObjectStorageServer";
    std::string logLevel = "INFO";
    std::string logFormat = "%(levelname)s: %(message)s";
    std::vector<std::string> logPaths{"/dev/stdout"};
    std::uint64_t memoryLimitBytes = 0;
    double getTimeoutSeconds = 0;
    bool isMemoryShared = true;
    bool isHelpWanted = false;
    bool isVersionWanted = false;
};

// Reads the arguments behind the name of the program; flags take `--flag value` or `--flag=value`. Raises UsageError.
CommandLine parseCommandLine(std::span<const char* const> arguments);

// Returns what --help prints.
std::string usage();

}  // namespace scaler::object_storage
