// Threads that are in native code when the interpreter ends, and forks. Each module has a copy of its own.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>

namespace scaler::bindings {

// Releases the GIL while it lives. A thread that asks for the GIL of an interpreter that has ended is ended inside
// native code, which ends the process in disorder. So once the exit has begun no thread but the exiting one returns
// from here: such threads, all of them daemons, sleep until the process is gone.
class Unlocked {
public:
    Unlocked();
    ~Unlocked();
    Unlocked(const Unlocked&) = delete;
    Unlocked& operator=(const Unlocked&) = delete;

private:
    PyThreadState* state_{nullptr};
};

// Puts the calling thread to sleep for good when the exit has begun and this is not the thread that exits.
void sleepIfExiting();

// Tells whether the exit has begun. A thread inside of Unlocked that then does not ask for the GIL never will be late.
bool isExiting() noexcept;

// For the exiting thread, with the GIL, in this order: begins the exit; waits, for a while, until the threads that were
// in native code, and were told to come back, have done so.
void beginExit() noexcept;
void waitForUnlockedThreads();

// Counts the forks this process descends from; what was made before the last one belongs to the parent, and so do the
// threads that used it.
std::uint64_t forkCount() noexcept;

// Called once, when the module is made.
void countForks();

}  // namespace scaler::bindings
