// Names this process, and tells whether another one of this machine is still alive.
#pragma once

#include "ymq/hello.h"

namespace scaler::ymq {

// Returns the name of the calling process; asks the system at the first call in each process.
ProcessName thisProcess();

// Tells whether the process is known to have ended (or to be ending); false for one of another machine or namespace.
bool isKnownDead(const ProcessName& process);

}  // namespace scaler::ymq
