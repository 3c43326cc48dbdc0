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
    std::string log_level = "INFO";
    std::string log_format = "%(levelname)s: %(message)s";
    std::vector<std::string> log_paths{"/dev/stdout"};
    std::uint64_t memory_limit_bytes = 0;
    double get_timeout_seconds = 0;
    bool is_memory_shared = true;
    bool is_help_wanted = false;
    bool is_version_wanted = false;
};

// Reads the arguments behind the name of the program; flags take `--flag value` or `--flag=value`. Raises UsageError.
CommandLine parseCommandLine(std::span<const char* const> arguments);

// Returns what --help prints.
std::string usage();

}  // namespace scaler::object_storage
