// Lines on the standard error stream or in a pipe, bounded in number.
#include "bindings/ymq_log.h"

#ifdef _WIN32
#include <io.h>
#else
#include <limits.h>
#include <poll.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "ymq/line_budget.h"

namespace scaler::bindings {

namespace {

constexpr int kStandardError = 2;

struct Lines {
    std::mutex mutex;
    int descriptor{-1};
    ymq::LineBudget budget{};
};

// Never destroyed, for the I/O thread may outlive the module's static objects.
Lines& allLines() noexcept {
    static Lines* const instance = new Lines();
    return *instance;
}

// Parts of a line come from peers, which shall not write to the terminal of whoever reads it.
std::string printable(const std::string& text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string result;
    for (const char letter : text) {
        const auto byte = static_cast<unsigned char>(letter);
        if (byte >= 0x20 && byte < 0x7f) {
            result += letter;
        } else {
            result += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 0xf]};
        }
    }
    return result;
}

// Leaves the line out when nobody reads the stream: the caller may hold a lock that everything else waits for. Windows
// does not tell.
void writeIfThereIsRoom(int descriptor, std::string line) {
#ifdef _WIN32
    line += "\n";
    (void)::_write(descriptor, line.data(), static_cast<unsigned int>(line.size()));
#else
    // A pipe with room has room for so much.
    line.resize(std::min<std::size_t>(line.size(), PIPE_BUF - 1));
    line += "\n";
    pollfd entry{descriptor, POLLOUT, 0};
    if (::poll(&entry, 1, 0) != 1 || (entry.revents & POLLOUT) == 0) return;
    // There is nobody to tell that the stream cannot be written.
    (void)!::write(descriptor, line.data(), line.size());
#endif
}

std::string_view nameOf(ymq::LogLevel level) {
    switch (level) {
        case ymq::LogLevel::debug:
            return "DEBUG";
        case ymq::LogLevel::info:
            return "INFO";
        case ymq::LogLevel::warning:
            return "WARNING";
        case ymq::LogLevel::error:
            return "ERROR";
    }
    return "ERROR";
}

}  // namespace

void setLogDescriptor(int descriptor) {
    Lines& lines = allLines();
    const std::lock_guard lock(lines.mutex);
    lines.descriptor = descriptor;
}

void writeLine(ymq::LogLevel level, const std::string& text) {
    Lines& lines = allLines();
    std::string line = "scaler.ymq: " + printable(text);
    const std::lock_guard lock(lines.mutex);
    const bool is_chosen = lines.descriptor >= 0;
    if (!is_chosen && level < ymq::LogLevel::warning) return;
    if (is_chosen) line = std::string(nameOf(level)) + " " + line;
    const std::optional<std::uint64_t> left_out = lines.budget.admit(std::chrono::steady_clock::now());
    if (!left_out) return;
    if (*left_out != 0) line += " (" + std::to_string(*left_out) + " lines before were left out)";
    writeIfThereIsRoom(is_chosen ? lines.descriptor : kStandardError, std::move(line));
}

}  // namespace scaler::bindings
