// The native daemon of the object storage server: flags in, log lines and an exit code out.
#include <pthread.h>
#include <signal.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include "object_storage/command_line.h"
#include "object_storage/logger.h"
#include "object_storage/process_settings.h"
#include "object_storage/seconds.h"
#include "object_storage/server.h"
#include "ymq/address.h"

namespace {

using namespace scaler;
using namespace scaler::object_storage;

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

// Signals are taken by sigwait in the main thread alone; every other thread is started behind this.
sigset_t blockStopSignals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more must not end the server
    return signals;
}

Server::Options serverOptions(const CommandLine& line) {
    const ymq::Result<ymq::Address> address = ymq::Address::parse(line.address);
    if (!address) {
        throw UsageError(address.error().message());
    }
    Server::Options options{.address = *address, .identity = line.identity, .is_memory_shared = line.is_memory_shared};
    options.core.table.memory_limit_bytes = line.memory_limit_bytes;
    options.core.default_timeout = millisecondsOf(line.get_timeout_seconds).value();
    return options;
}

void serve(const CommandLine& line) {
    const std::optional<LogLevel> level = parseLogLevel(line.log_level);
    if (!level) {
        throw UsageError("unknown log level '" + line.log_level + "'");
    }
    const Server::Options options = serverOptions(line);
    const sigset_t signals = blockStopSignals();
    prepareProcess();
    const auto logger = std::make_shared<const Logger>(*level, line.log_format, line.log_paths);
    Server server(options, logger);
    std::thread thread([&server] { server.run(); });
    int received = 0;
    sigwait(&signals, &received);
    server.shutdown();
    thread.join();
    logger->log(LogLevel::info, "ObjectStorageServer: stopped by user");
}

int fail(int code, const std::string& reason) {
    std::fprintf(stderr, "scaler_object_storage_server_native: %s\n", reason.c_str());
    return code;
}

}  // namespace

int main(int count, char** values) {
    try {
        const CommandLine line = parseCommandLine(std::span<const char* const>(values, count).subspan(1));
        if (line.is_help_wanted) {
            std::fputs(usage().c_str(), stdout);
        } else if (line.is_version_wanted) {
            std::puts(SCALER_VERSION);
        } else {
            serve(line);
        }
        return 0;
    } catch (const UsageError& error) {
        return fail(kExitUsage, error.what());
    } catch (const std::exception& error) {
        return fail(kExitFailure, error.what());
    }
}
