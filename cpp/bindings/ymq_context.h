// The I/O threads and the sockets of this interpreter, closed before it ends.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>

#include "ymq/io_context.h"
#include "ymq/socket.h"

namespace scaler::bindings {

// Counts the forks this process descends from; a socket made before the last one belongs to the parent.
std::uint64_t forkCount() noexcept;

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

struct Context {
    std::shared_ptr<ymq::IoContext> native;
    std::uint64_t made_at_fork{forkCount()};

    explicit Context(std::size_t number_of_threads);
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
};

// Makes a socket that is closed at the interpreter's exit, if it then still exists.
std::shared_ptr<ymq::Socket> makeSocket(const Context& context, ymq::SocketOptions options);

}  // namespace scaler::bindings
