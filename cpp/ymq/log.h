// How the library tells its owner what it noticed; the owner decides where it goes.
#pragma once

#include <functional>
#include <string>

namespace scaler::ymq {

enum class LogLevel { debug, info, warning, error };

// Called on the I/O thread; must not block. Empty means that nothing is logged.
using Log = std::function<void(LogLevel, const std::string&)>;

}  // namespace scaler::ymq
