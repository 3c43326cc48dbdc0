// The I/O threads and the sockets of this interpreter, closed before it ends.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>

#include "bindings/exit_guard.h"
#include "ymq/io_context.h"
#include "ymq/socket.h"

namespace scaler::bindings {

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
