// Names this process by its number alone, where the system is not asked for more.
#ifdef _WIN32
#include <process.h>
#else
#include <unistd.h>
#endif

#include "ymq/process_name.h"

namespace scaler::ymq {

// The host stays zero, which names no machine: nobody is taken for local, and peers are lost by their silence.
ProcessName thisProcess() {
    ProcessName name;
#ifdef _WIN32
    name.pid = static_cast<std::uint32_t>(::_getpid());
#else
    name.pid = static_cast<std::uint32_t>(::getpid());
#endif
    return name;
}

bool isKnownDead(const ProcessName&) { return false; }

}  // namespace scaler::ymq
