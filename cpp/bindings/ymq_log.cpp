// Warnings on the standard error stream, bounded in number.
#include "bindings/ymq_log.h"

#include <unistd.h>

#include <chrono>
#include <mutex>

namespace scaler::bindings {

namespace {

constexpr int kLinesPerSecond = 10;

struct Budget {
    std::mutex mutex;
    std::chrono::steady_clock::time_point second{};
    int written{0};
    int left_out{0};
};

// Never destroyed, for the I/O thread may outlive the module's static objects.
Budget& budget() noexcept {
    static Budget* const instance = new Budget();
    return *instance;
}

}  // namespace

void writeLine(const std::string& text) {
    Budget& lines = budget();
    std::string line = "scaler.ymq: " + text;
    {
        const std::lock_guard lock(lines.mutex);
        const auto now = std::chrono::steady_clock::now();
        if (now - lines.second >= std::chrono::seconds(1)) {
            lines.second = now;
            lines.written = 0;
        }
        if (lines.written == kLinesPerSecond) {
            ++lines.left_out;
            return;
        }
        ++lines.written;
        if (lines.left_out != 0) line += " (" + std::to_string(lines.left_out) + " lines before were left out)";
        lines.left_out = 0;
    }
    line += "\n";
    // There is nobody to tell that the stream of errors cannot be written.
    (void)!::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace scaler::bindings
