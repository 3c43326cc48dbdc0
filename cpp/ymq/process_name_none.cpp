// Names this process by its number alone.
#include "ymq/native_socket.h"
#include "ymq/process_name.h"

namespace scaler::ymq {

// The host stays zero, which names no machine: nobody is taken for local, and peers are lost by their silence.
ProcessName thisProcess() {
    ProcessName name;
    name.pid = static_cast<std::uint32_t>(::GetCurrentProcessId());
    return name;
}

bool isKnownDead(const ProcessName&) { return false; }

}  // namespace scaler::ymq
