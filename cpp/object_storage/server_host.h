// A server that one thread runs, and that others wait for, ask and stop at any time, also before it exists.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "object_storage/server.h"

namespace scaler::object_storage {

// Any thread may call anything. What callers hand over is called without the lock, so that it may wait for locks of its
// own, whose owners may call this class.
class ServerHost {
public:
    using Clock = std::chrono::steady_clock;
    using Make = std::function<std::shared_ptr<Server>()>;
    // Asked ten times a second whether to give up.
    using IsInterrupted = std::function<bool()>;

    enum class Readiness { ready, ended, late, interrupted };
    enum class RunEnd { stopped, interrupted };

    // Makes the server and serves, on a thread of its own, until shutdown or until it is told to give up. Raises what
    // making raises, and std::runtime_error when called once more.
    RunEnd run(const Make& make, const IsInterrupted& is_interrupted);

    // Waits until the server listens, or never will.
    Readiness waitUntilReady(Clock::time_point limit, const IsInterrupted& is_interrupted);

    // Returns why the server could not be made; empty when it could.
    std::string failure() const;

    // Returns the port that the server listens on; 0 when it does not.
    std::uint16_t port() const;

    // Lets run() return, also when it has not been called yet.
    void shutdown();

    // All zero when the server does not run.
    ServerCore::Gauges gauges();

private:
    void claimRun();
    bool announce(std::shared_ptr<Server> server, const std::string& failure);
    std::shared_ptr<Server> server() const;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::shared_ptr<Server> server_;
    std::string failure_;
    bool is_claimed_ = false;
    bool is_shutdown_wanted_ = false;
    bool has_ended_ = false;
};

}  // namespace scaler::object_storage
