// The object storage server as a process runs it: a core, the sockets, the clock and the log.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "object_storage/logger.h"
#include "object_storage/server_core.h"
#include "ymq/address.h"

namespace scaler::object_storage {

// The address cannot be listened on; the text says why.
class BindError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// One thread, the one in run(), owns the core and the sockets; it takes no lock and waits for nothing but them. What
// other threads may call is posted to it. At the end it stops listening and reading, gives answers that are under way
// a moment to leave, and closes.
class Server {
public:
    struct Options {
        ymq::Address address{};
        std::string identity = "ObjectStorageServer";
        ServerCore::Options core{};
        // A connection is not read while more than this waits to be sent to it.
        std::uint64_t outbound_bound_bytes = 64ULL << 20U;
        // Whether processes of this machine are offered the local channel, which the identity then tells.
        bool is_memory_shared = false;
    };

    // Listens at once. Raises BindError.
    Server(const Options& options, std::shared_ptr<const Logger> logger);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Returns the address with its real port.
    const ymq::Address& address() const;

    // Serves until shutdown(); call it once.
    void run();

    // Lets run() return. Any thread may call it, any number of times; so may a thread that never sees run() begin.
    void shutdown();

    // Counts, as of now; any thread may ask while run() is under way. All zero, and not serving, when it is not, or
    // when it does not answer for five seconds.
    ServerCore::Gauges gauges();

private:
    class Shell;

    std::unique_ptr<Shell> shell_;
};

}  // namespace scaler::object_storage
