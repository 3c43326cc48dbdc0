// The server's own log: lines in a configured format, to any number of files.
#pragma once

#include <array>
#include <cstddef>
#include <ctime>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ymq/line_budget.h"

namespace scaler::object_storage {

enum class LogLevel { debug, info, warning, error, critical };
inline constexpr std::size_t kLogLevels = 5;

// Understands the usual level names, their short forms as they are printed, and any case.
std::optional<LogLevel> parseLogLevel(std::string_view name);

// Each line goes to every path, opened anew to append, so that a rotated file is left alone. Any thread may log.
//
// No peer stops the server by what is logged of it: a path that takes no more loses the line, and what exceeds the
// budget of its level is left out, and counted in the next line.
//
// A format knows %(levelname)s, %(asctime)s, %(message)s, %(name)s, %(lineno)s and %%; whatever else stands in it is
// printed as it is.
class Logger {
public:
    // Raises std::system_error when a path cannot be opened. Paths may be the same or none.
    Logger(LogLevel level, std::string format, std::vector<std::string> paths);

    // Never raises: what cannot be written is lost.
    void log(LogLevel level, std::string_view message) const noexcept;

    bool isEnabled(LogLevel level) const noexcept { return level >= level_; }

private:
    const LogLevel level_;
    const std::string format_;
    const std::vector<std::string> paths_;
    mutable std::mutex mutex_;
    mutable std::array<ymq::LineBudget, kLogLevels> budgets_{};
};

// Returns one line without its end; separate from the logger so that a test can choose the time.
std::string formatLogLine(std::string_view format, LogLevel level, std::string_view message, std::time_t time);

}  // namespace scaler::object_storage
