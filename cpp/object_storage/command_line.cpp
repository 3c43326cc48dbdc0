// Reading flags, and the text that explains them.
#include "object_storage/command_line.h"

#include <charconv>
#include <sstream>
#include <string_view>

#include "object_storage/seconds.h"

namespace scaler::object_storage {
namespace {

template <typename Number>
Number parseNumber(std::string_view flag, std::string_view text) {
    Number number{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc() || end != text.data() + text.size() || text.empty()) {
        throw UsageError(std::string(flag) + " needs a number, not '" + std::string(text) + "'");
    }
    return number;
}

std::vector<std::string> splitPaths(const std::string& text) {
    std::vector<std::string> paths;
    std::istringstream stream(text);
    for (std::string path; std::getline(stream, path, ',');) {
        if (!path.empty()) {
            paths.push_back(path);
        }
    }
    return paths;
}

void assign(CommandLine& line, std::string_view flag, const std::string& value) {
    if (flag == "--identity") {
        line.identity = value;
    } else if (flag == "--log-level") {
        line.log_level = value;
    } else if (flag == "--log-format") {
        line.log_format = value;
    } else if (flag == "--log-paths") {
        line.log_paths = splitPaths(value);
    } else if (flag == "--memory-limit-bytes") {
        line.memory_limit_bytes = parseNumber<std::uint64_t>(flag, value);
    } else if (flag == "--get-timeout-seconds") {
        line.get_timeout_seconds = parseNumber<double>(flag, value);
        if (!millisecondsOf(line.get_timeout_seconds)) {
            throw UsageError("--get-timeout-seconds must be between 0 and 1e9");
        }
    } else {
        throw UsageError("unknown flag " + std::string(flag));
    }
}

}  // namespace

CommandLine parseCommandLine(std::span<const char* const> arguments) {
    CommandLine line;
    for (std::size_t index = 0; index < arguments.size(); ++index) {
        const std::string_view argument = arguments[index];
        if (argument == "--help" || argument == "-h") {
            line.is_help_wanted = true;
            return line;
        }
        if (argument == "--version") {
            line.is_version_wanted = true;
            return line;
        }
        if (argument == "--shared-memory" || argument == "--no-shared-memory") {
            line.is_memory_shared = argument == "--shared-memory";
            continue;
        }
        if (!argument.starts_with("-")) {
            if (!line.address.empty()) {
                throw UsageError("one address only, but also got '" + std::string(argument) + "'");
            }
            line.address = argument;
            continue;
        }
        const std::size_t equals = argument.find('=');
        if (equals != std::string_view::npos) {
            assign(line, argument.substr(0, equals), std::string(argument.substr(equals + 1)));
        } else if (index + 1 < arguments.size()) {
            assign(line, argument, arguments[++index]);
        } else {
            throw UsageError(std::string(argument) + " is unknown or needs a value");
        }
    }
    if (line.address.empty()) {
        throw UsageError("the address to listen on is missing, for instance tcp://127.0.0.1:2346");
    }
    return line;
}

std::string usage() {
    return "usage: scaler_object_storage_server_native ADDRESS [flags]\n"
           "\n"
           "Keep objects in memory and serve them to clients, schedulers and workers.\n"
           "\n"
           "  ADDRESS                      where to listen, tcp://host:port; port 0 means any free one\n"
           "  --identity NAME              what to answer peers that ask who this is (ObjectStorageServer)\n"
           "  --log-level LEVEL            DEBUG, INFO, WARNING, ERROR or CRITICAL (INFO)\n"
           "  --log-format FORMAT          of a line, with %(levelname)s, %(asctime)s and %(message)s\n"
           "  --log-paths PATH[,PATH...]   where lines go (/dev/stdout)\n"
           "  --memory-limit-bytes BYTES   refuse objects beyond this; 0 means no limit (0)\n"
           "  --get-timeout-seconds SECS   how long to wait for an object that does not exist; 0 means for ever (0)\n"
           "  --no-shared-memory           send copies also to processes of this machine, and do not share memory with "
           "them\n"
           "  --version                    print the version\n"
           "  --help, -h                   print this\n";
}

}  // namespace scaler::object_storage
