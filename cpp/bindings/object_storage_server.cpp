// The Python face of the object storage server; it converts arguments and errors and holds no logic of its own.
//
// Every call that may wait is made without the GIL, and takes it only to look for pending Python signals, so that a
// KeyboardInterrupt propagates after a clean stop.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "bindings/exit_guard.h"
#include "bindings/os_error.h"
#include "object_storage/logger.h"
#include "object_storage/process_settings.h"
#include "object_storage/seconds.h"
#include "object_storage/server.h"
#include "object_storage/server_host.h"
#include "ymq/address.h"

namespace nb = nanobind;

namespace {

using namespace scaler;
using namespace scaler::object_storage;

constexpr int kMaximumPort = 65535;
// In the order of RequestType and ResponseType.
constexpr std::array<const char*, kRequestTypes> kRequestNames{"set",       "get",  "delete",
                                                               "duplicate", "info", "delete_owner"};
constexpr std::array<const char*, kResponseTypes> kResponseNames{
    "set_ok",  "get_ok",       "delete_ok", "delete_not_exists", "duplicate_ok",
    "info_ok", "storage_full", "timed_out", "over_tcp"};

// Also asked once the interpreter ends: then whoever waits here is to come back, without the GIL.
bool isInterrupted() {
    if (bindings::isExiting()) return true;
    const nb::gil_scoped_acquire held;
    return PyErr_CheckSignals() != 0;
}

[[noreturn]] void raise(PyObject* type, const std::string& text) {
    PyErr_SetString(type, text.c_str());
    throw nb::python_error();
}

Server::Options makeOptions(const std::string& host, int port, const std::string& identity,
                            std::uint64_t memory_limit_bytes, double get_timeout_seconds) {
    if (port < 0 || port > kMaximumPort) {
        throw nb::value_error("the port must be between 0 and 65535");
    }
    const std::optional<std::chrono::milliseconds> get_timeout = millisecondsOf(get_timeout_seconds);
    if (!get_timeout) {
        throw nb::value_error("the get time-out must be between 0 and 1e9 seconds");
    }
    const bool is_bare_ipv6 = host.find(':') != std::string::npos && !host.starts_with("[");
    const std::string text = "tcp://" + (is_bare_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
    const ymq::Result<ymq::Address> address = ymq::Address::parse(text);
    if (!address) {
        throw BindError(address.error().message());
    }
    Server::Options options{.address = *address, .identity = identity};
    options.core.table.memory_limit_bytes = memory_limit_bytes;
    options.core.default_timeout = *get_timeout;
    return options;
}

std::vector<std::string> pathsOf(const nb::object& log_paths) {
    if (!nb::isinstance<nb::tuple>(log_paths)) {
        throw nb::type_error("log_paths must be a tuple of str");
    }
    std::vector<std::string> paths;
    for (const nb::handle path : nb::cast<nb::tuple>(log_paths)) {
        if (!nb::isinstance<nb::str>(path)) {
            throw nb::type_error("log_paths must be a tuple of str");
        }
        paths.push_back(nb::cast<std::string>(path));
    }
    return paths;
}

std::shared_ptr<const Logger> makeLogger(const std::string& log_level, const std::string& log_format,
                                         std::vector<std::string> paths) {
    const std::optional<LogLevel> level = parseLogLevel(log_level);
    if (!level) {
        throw nb::value_error(("unknown log level: " + log_level).c_str());
    }
    return std::make_shared<const Logger>(*level, log_format, std::move(paths));
}

void run(ServerHost& server_host, const std::string& host, int port, const std::string& identity,
         const std::string& log_level, const std::string& log_format, const nb::object& log_paths,
         std::uint64_t memory_limit_bytes, double get_timeout_seconds, bool is_memory_shared) {
    std::shared_ptr<const Logger> logger;
    const auto make = [&] {
        prepareProcess();
        std::vector<std::string> paths;
        {
            const nb::gil_scoped_acquire held;
            paths = pathsOf(log_paths);
        }
        Server::Options options = makeOptions(host, port, identity, memory_limit_bytes, get_timeout_seconds);
        options.is_memory_shared = is_memory_shared;
        logger = makeLogger(log_level, log_format, std::move(paths));
        return std::make_shared<Server>(options, logger);
    };
    ServerHost::RunEnd end{};
    {
        const bindings::Unlocked unlocked;
        end = server_host.run(make, &isInterrupted);
    }
    if (end == ServerHost::RunEnd::interrupted) {
        logger->log(LogLevel::info, "ObjectStorageServer: stopped by user");
        throw nb::python_error();
    }
}

void waitUntilReady(ServerHost& server_host, std::optional<double> timeout_seconds) {
    const double seconds = timeout_seconds.value_or(kMaximumSeconds);
    if (std::isnan(seconds)) {
        throw nb::value_error("the time-out must be a number of seconds");
    }
    const std::chrono::duration<double> timeout(std::clamp(seconds, 0.0, kMaximumSeconds));
    const auto limit = ServerHost::Clock::now() + std::chrono::duration_cast<ServerHost::Clock::duration>(timeout);
    ServerHost::Readiness readiness{};
    std::string failure;
    {
        const bindings::Unlocked unlocked;
        readiness = server_host.waitUntilReady(limit, &isInterrupted);
        failure = server_host.failure();
    }
    switch (readiness) {
        case ServerHost::Readiness::ready:
            return;
        case ServerHost::Readiness::ended:
            raise(PyExc_OSError, failure.empty() ? "object storage server has stopped" : failure);
        case ServerHost::Readiness::late:
            raise(PyExc_TimeoutError, "object storage server is not ready in time");
        case ServerHost::Readiness::interrupted:
            throw nb::python_error();
    }
}

nb::dict toDict(const ServerCore::Gauges& gauges) {
    nb::dict result;
    result["connections"] = gauges.connections;
    result["waiting_requests"] = gauges.waiting_requests;
    result["ids"] = gauges.totals.ids;
    result["contents"] = gauges.totals.contents;
    result["content_bytes"] = gauges.totals.content_bytes;
    return result;
}

ServerCore::Gauges ask(ServerHost& server_host) {
    const bindings::Unlocked unlocked;
    return server_host.gauges();
}

template <std::size_t kNames>
nb::dict byType(const std::array<const char*, kNames>& names, const std::array<std::uint64_t, kNames>& counts) {
    nb::dict result;
    for (std::size_t type = 0; type < kNames; ++type) {
        result[names[type]] = counts[type];
    }
    return result;
}

std::optional<nb::dict> statisticsOf(ServerHost& server_host) {
    const ServerCore::Gauges gauges = ask(server_host);
    if (!gauges.is_serving) {
        return std::nullopt;
    }
    nb::dict result = toDict(gauges);
    result["requests"] = byType(kRequestNames, gauges.counts.requests);
    result["answers"] = byType(kResponseNames, gauges.counts.answers);
    result["stored_bytes"] = gauges.counts.stored_bytes;
    result["answered_bytes"] = gauges.counts.answered_bytes;
    result["refused_connections"] = gauges.counts.refused_connections;
    return result;
}

}  // namespace

NB_MODULE(object_storage_server, module) {
    module.doc() = "The object storage server, native.";
    // A daemon thread that sleeps at the exit keeps what it has called.
    nb::set_leak_warnings(false);
    bindings::countForks();
    nb::module_::import_("atexit").attr("register")(nb::cpp_function([] {
        bindings::beginExit();
        bindings::waitForUnlockedThreads();
    }));
    nb::register_exception_translator([](const std::exception_ptr& pointer, void*) {
        try {
            std::rethrow_exception(pointer);
        } catch (const BindError& error) {
            PyErr_SetString(PyExc_OSError, error.what());
        } catch (const std::system_error& error) {
            bindings::setOsError(error);
        }
    });
    nb::class_<ServerHost>(module, "ObjectStorageServer")
        .def(nb::init<>())
        .def("run", &run, nb::arg("addr"), nb::arg("port"), nb::arg("identity") = "ObjectStorageServer",
             nb::arg("log_level") = "INFO", nb::arg("log_format") = "%(levelname)s: %(message)s",
             nb::arg("log_paths") = nb::make_tuple("/dev/stdout"), nb::arg("memory_limit_bytes") = 0,
             nb::arg("get_timeout_seconds") = 0.0, nb::arg("shared_memory") = false,
             "Serve until shutdown or until a Python signal handler raises.")
        .def("wait_until_ready", &waitUntilReady, nb::arg("timeout_seconds") = nb::none(),
             "Wait, without the GIL, until the server listens.")
        .def("port", &ServerHost::port, nb::call_guard<bindings::Unlocked>(),
             "Return the bound port; 0 before the server is ready.")
        .def("shutdown", &ServerHost::shutdown, nb::call_guard<bindings::Unlocked>(),
             "Let run return. Any thread may call it.")
        .def(
            "gauges", [](ServerHost& server_host) { return toDict(ask(server_host)); },
            "Return the size of every table; all zero when not serving.")
        .def("statistics", &statisticsOf, "Return that and what has happened since the start; None when not serving.");
}
