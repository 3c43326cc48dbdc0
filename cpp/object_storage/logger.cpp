// Names of levels, the format of a line, and writing without waiting.
#include "object_storage/logger.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

#include "ymq/descriptor.h"

namespace scaler::object_storage {
namespace {

constexpr std::string_view kLoggerName = "cpp-logger";
constexpr mode_t kFileMode = 0666;

struct LevelName {
    std::string_view name;
    LogLevel level;
};

constexpr std::array<LevelName, 10> kLevelNames{{
    {"DEBUG", LogLevel::debug},
    {"DEBG", LogLevel::debug},
    {"INFO", LogLevel::info},
    {"WARNING", LogLevel::warning},
    {"WARN", LogLevel::warning},
    {"ERROR", LogLevel::error},
    {"EROR", LogLevel::error},
    {"CRITICAL", LogLevel::critical},
    {"CTIC", LogLevel::critical},
    {"NOTSET", LogLevel::debug},
}};

std::string_view shortName(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "DEBG";
        case LogLevel::info:
            return "INFO";
        case LogLevel::warning:
            return "WARN";
        case LogLevel::error:
            return "EROR";
        case LogLevel::critical:
            return "CTIC";
    }
    return "INFO";
}

std::string formatTime(std::time_t time) {
    std::tm local{};
    localtime_r(&time, &local);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S%z", &local)};
}

ymq::Descriptor openToAppend(const std::string& path) {
    return ymq::Descriptor(
        ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, kFileMode));
}

bool isWritable(int descriptor) {
    pollfd asked{.fd = descriptor, .events = POLLOUT, .revents = 0};
    return ::poll(&asked, 1, 0) == 1 && (asked.revents & POLLOUT) != 0;
}

// Writes as much as the descriptor takes at once. A writable pipe has room for PIPE_BUF bytes.
void writeAll(int descriptor, std::string_view text) {
    while (!text.empty() && isWritable(descriptor)) {
        const ssize_t written = ::write(descriptor, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return;
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

// The standard streams are written through the descriptors the process has: their names under /dev cannot be opened
// when they are sockets or belong to another user.
int standardStream(std::string_view path) {
    if (path == "/dev/stdout" || path == "-") {
        return STDOUT_FILENO;
    }
    return path == "/dev/stderr" ? STDERR_FILENO : -1;
}

}  // namespace

std::optional<LogLevel> parseLogLevel(std::string_view name) {
    std::string upper(name);
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
    const auto* const found = std::find_if(kLevelNames.begin(), kLevelNames.end(),
                                           [&upper](const LevelName& entry) { return entry.name == upper; });
    return found == kLevelNames.end() ? std::nullopt : std::optional(found->level);
}

std::string formatLogLine(std::string_view format, LogLevel level, std::string_view message, std::time_t time) {
    const std::array<std::pair<std::string_view, std::string>, 6> tokens{{
        {"%(levelname)s", std::string(shortName(level))},
        {"%(asctime)s", formatTime(time)},
        {"%(message)s", std::string(message)},
        {"%(name)s", std::string(kLoggerName)},
        {"%(lineno)s", "0"},
        {"%%", "%"},
    }};
    std::string line;
    while (!format.empty()) {
        const auto* const token = std::find_if(tokens.begin(), tokens.end(),
                                               [format](const auto& entry) { return format.starts_with(entry.first); });
        if (token != tokens.end()) {
            line += token->second;
            format.remove_prefix(token->first.size());
        } else {
            line += format.front();
            format.remove_prefix(1);
        }
    }
    return line;
}

Logger::Logger(LogLevel level, std::string format, std::vector<std::string> paths)
    : level_(level), format_(std::move(format)), paths_(std::move(paths)) {
    for (const std::string& path : paths_) {
        if (standardStream(path) < 0 && openToAppend(path).get() < 0 && errno != ENXIO) {  // a pipe without a reader
            throw std::system_error(errno, std::generic_category(), "cannot open the log file " + path);
        }
    }
}

void Logger::log(LogLevel level, std::string_view message) const noexcept {
    if (!isEnabled(level)) {
        return;
    }
    try {
        const std::lock_guard lock(mutex_);
        const auto left_out = budgets_.at(static_cast<std::size_t>(level)).admit(std::chrono::steady_clock::now());
        if (!left_out) {
            return;
        }
        std::string text(message);
        if (*left_out > 0) {
            text += " (" + std::to_string(*left_out) + " lines before were left out)";
        }
        const std::string line = formatLogLine(format_, level, text, std::time(nullptr)) + '\n';
        for (const std::string& path : paths_) {
            const int stream = standardStream(path);
            if (stream >= 0) {
                writeAll(stream, line);
            } else if (const ymq::Descriptor file = openToAppend(path); file.get() >= 0) {
                writeAll(file.get(), line);
            }
        }
    } catch (const std::exception&) {
        // Out of memory; the server goes on without this line.
    }
}

}  // namespace scaler::object_storage
