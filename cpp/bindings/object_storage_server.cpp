// The Python face of the object storage server; it converts arguments and errors and holds no logic of its own.
//
// run() serves on a thread of its own, which never needs the GIL. The calling thread waits without the GIL and looks
// for pending Python signals every tenth of a second, so that a KeyboardInterrupt propagates after a clean stop.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <chrono>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "object_storage/logger.h"
#include "object_storage/process_settings.h"
#include "object_storage/server.h"
#include "ymq/address.h"

namespace nb = nanobind;

namespace {

using namespace scaler;
using namespace scaler::object_storage;

constexpr std::chrono::milliseconds kSignalCheckInterval{100};
constexpr double kMillisecondsPerSecond = 1000;
constexpr double kMaximumTimeoutSeconds = 1e9;
constexpr int kMaximumPort = 65535;

class ObjectStorageServer {
public:
    void run(const std::string& host, int port, const std::string& identity, const std::string& logLevel,
             const std::string& logFormat, const nb::object& logPaths, std::uint64_t memoryLimitBytes,
             double getTimeoutSeconds, bool isMemoryShared) {
        claimRun();
        prepareProcess();
        std::shared_ptr<Server> server;
        std::shared_ptr<const Logger> logger;
        try {
            Server::Options options = makeOptions(host, port, identity, memoryLimitBytes, getTimeoutSeconds);
            options.isMemoryShared = isMemoryShared;
            logger = makeLogger(logLevel, logFormat, logPaths);
            server = std::make_shared<Server>(options, logger);
        } catch (const std::exception& error) {
            announce(nullptr, error.what());
            throw;
        }
        if (!announce(server, "")) {
            return;  // shutdown() came first
        }
        const bool isInterrupted = serve(*server);
        if (isInterrupted) {
            logger->log(LogLevel::info, "ObjectStorageServer: stopped by user");
            throw nb::python_error();
        }
    }

    void waitUntilReady(std::optional<double> timeoutSeconds) {
        std::unique_lock lock(mutex_, std::defer_lock);
        const auto isDecided = [this] { return server_ != nullptr || hasEnded_; };
        const auto limit = std::chrono::steady_clock::now() +
                           std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                               std::chrono::duration<double>(timeoutSeconds.value_or(kMaximumTimeoutSeconds)));
        while (true) {
            bool isReady = false;
            {
                const nb::gil_scoped_release released;
                lock.lock();
                isReady = changed_.wait_until(
                    lock, std::min(limit, std::chrono::steady_clock::now() + kSignalCheckInterval), isDecided);
            }
            const std::string failure = failure_;
            const bool isServing = server_ != nullptr;
            lock.unlock();
            if (isReady && !isServing) {
                throwOsError(failure.empty() ? "object storage server has stopped" : failure);
            }
            if (isReady) {
                return;
            }
            if (PyErr_CheckSignals() != 0) {
                throw nb::python_error();
            }
            if (std::chrono::steady_clock::now() >= limit) {
                PyErr_SetString(PyExc_TimeoutError, "object storage server is not ready in time");
                throw nb::python_error();
            }
        }
    }

    int port() const {
        const std::lock_guard lock(mutex_);
        return server_ == nullptr ? 0 : server_->address().port;
    }

    void shutdown() {
        std::shared_ptr<Server> server;
        {
            const std::lock_guard lock(mutex_);
            isShutdownWanted_ = true;
            server = server_;
        }
        if (server != nullptr) {
            server->shutdown();
        }
    }

    nb::dict gauges() const {
        ServerCore::Gauges gauges;
        {
            const nb::gil_scoped_release released;
            std::shared_ptr<Server> server;
            {
                const std::lock_guard lock(mutex_);
                server = server_;
            }
            if (server != nullptr) {
                gauges = server->gauges();
            }
        }
        nb::dict result;
        result["connections"] = gauges.connections;
        result["waiting_requests"] = gauges.waitingRequests;
        result["ids"] = gauges.totals.ids;
        result["contents"] = gauges.totals.contents;
        result["content_bytes"] = gauges.totals.contentBytes;
        return result;
    }

private:
    [[noreturn]] static void throwOsError(const std::string& text) {
        PyErr_SetString(PyExc_OSError, text.c_str());
        throw nb::python_error();
    }

    static Server::Options makeOptions(const std::string& host, int port, const std::string& identity,
                                       std::uint64_t memoryLimitBytes, double getTimeoutSeconds) {
        if (port < 0 || port > kMaximumPort) {
            throw nb::value_error("the port must be between 0 and 65535");
        }
        if (!(getTimeoutSeconds >= 0 && getTimeoutSeconds <= kMaximumTimeoutSeconds)) {
            throw nb::value_error("the get time-out must be between 0 and 1e9 seconds");
        }
        const bool isBareIpv6 = host.find(':') != std::string::npos && !host.starts_with("[");
        const std::string text = "tcp://" + (isBareIpv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
        const ymq::Result<ymq::Address> address = ymq::Address::parse(text);
        if (!address) {
            throwOsError(address.error().message());
        }
        Server::Options options{.address = *address, .identity = identity};
        options.core.table.memoryLimitBytes = memoryLimitBytes;
        options.core.defaultTimeout =
            std::chrono::milliseconds(std::llround(std::ceil(getTimeoutSeconds * kMillisecondsPerSecond)));
        return options;
    }

    static std::shared_ptr<const Logger> makeLogger(const std::string& logLevel, const std::string& logFormat,
                                                    const nb::object& logPaths) {
        if (!nb::isinstance<nb::tuple>(logPaths)) {
            throw nb::type_error("log_paths must be a tuple of str");
        }
        std::vector<std::string> paths;
        for (const nb::handle path : nb::cast<nb::tuple>(logPaths)) {
            if (!nb::isinstance<nb::str>(path)) {
                throw nb::type_error("log_paths must be a tuple of str");
            }
            paths.push_back(nb::cast<std::string>(path));
        }
        const std::optional<LogLevel> level = parseLogLevel(logLevel);
        if (!level) {
            throw nb::value_error(("unknown log level: " + logLevel).c_str());
        }
        return std::make_shared<const Logger>(*level, logFormat, std::move(paths));
    }

    void claimRun() {
        const std::lock_guard lock(mutex_);
        if (isClaimed_) {
            throw std::runtime_error("an object storage server runs once");
        }
        isClaimed_ = true;
    }

    // Tells those who wait that the server listens, or why it does not. Returns whether to serve.
    bool announce(std::shared_ptr<Server> server, const std::string& failure) {
        const std::lock_guard lock(mutex_);
        failure_ = failure;
        hasEnded_ = server == nullptr || isShutdownWanted_;
        server_ = hasEnded_ ? nullptr : std::move(server);
        changed_.notify_all();
        return !hasEnded_;
    }

    // Returns whether a Python signal handler raised; the error is set then.
    bool serve(Server& server) {
        std::promise<void> done;
        std::future<void> ended = done.get_future();
        std::thread thread([&server, &done] {
            server.run();
            done.set_value();
        });
        bool isInterrupted = false;
        while (!isInterrupted) {
            {
                const nb::gil_scoped_release released;
                if (ended.wait_for(kSignalCheckInterval) == std::future_status::ready) {
                    break;
                }
            }
            isInterrupted = PyErr_CheckSignals() != 0;
        }
        server.shutdown();
        const nb::gil_scoped_release released;
        thread.join();
        const std::lock_guard lock(mutex_);
        server_.reset();
        hasEnded_ = true;
        changed_.notify_all();
        return isInterrupted;
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::shared_ptr<Server> server_;
    std::string failure_;
    bool isClaimed_ = false;
    bool isShutdownWanted_ = false;
    bool hasEnded_ = false;
};

}  // namespace

NB_MODULE(object_storage_server, module) {
    module.doc() = "The object storage server, native.";
    nb::register_exception_translator([](const std::exception_ptr& pointer, void*) {
        try {
            std::rethrow_exception(pointer);
        } catch (const BindError& error) {
            PyErr_SetString(PyExc_OSError, error.what());
        } catch (const std::system_error& error) {
            PyErr_SetObject(PyExc_OSError, nb::make_tuple(error.code().value(), error.what()).ptr());
        }
    });
    nb::class_<ObjectStorageServer>(module, "ObjectStorageServer")
        .def(nb::init<>())
        .def("run", &ObjectStorageServer::run, nb::arg("addr"), nb::arg("port"),
             nb::arg("identity") = "ObjectStorageServer", nb::arg("log_level") = "INFO",
             nb::arg("log_format") = "%(levelname)s: %(message)s", nb::arg("log_paths") = nb::make_tuple("/dev/stdout"),
             nb::arg("memory_limit_bytes") = 0, nb::arg("get_timeout_seconds") = 0.0, nb::arg("shared_memory") = false,
             "Serve until shutdown or until a Python signal handler raises.")
        .def("wait_until_ready", &ObjectStorageServer::waitUntilReady, nb::arg("timeout_seconds") = nb::none(),
             "Wait, without the GIL, until the server listens.")
        .def("port", &ObjectStorageServer::port, "Return the bound port; 0 before the server is ready.")
        .def("shutdown", &ObjectStorageServer::shutdown, "Let run return. Any thread may call it.")
        .def("gauges", &ObjectStorageServer::gauges, "Return the size of every table; all zero when not serving.");
}
