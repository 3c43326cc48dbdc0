// Context, and what happens to sockets at the exit.
#include "bindings/ymq_context.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "bindings/ymq_bindings.h"
#include "bindings/ymq_released.h"

namespace nb = nanobind;

namespace scaler::bindings {

namespace {

using namespace std::chrono_literals;

// In all, however many sockets there are.
constexpr auto kExitLinger = 1000ms;

struct Registry {
    std::vector<std::weak_ptr<ymq::Socket>> sockets;
    std::vector<std::weak_ptr<ymq::IoContext>> contexts;

    template <typename T>
    static void add(std::vector<std::weak_ptr<T>>& items, const std::shared_ptr<T>& item) {
        std::erase_if(items, [](const std::weak_ptr<T>& old) { return old.expired(); });
        items.push_back(item);
    }
};

// Guarded by the GIL; never destroyed, for sockets may outlive the module's static objects.
Registry& registry() noexcept {
    static Registry* const instance = new Registry();
    return *instance;
}

void closeAll() {
    if (forkCount() != 0) return;
    std::vector<std::shared_ptr<ymq::Socket>> sockets;
    for (const auto& socket : registry().sockets) {
        if (auto alive = socket.lock()) sockets.push_back(std::move(alive));
    }
    const nb::gil_scoped_release unlocked;
    for (const auto& socket : sockets) socket->requestStop();
    const auto deadline = std::chrono::steady_clock::now() + kExitLinger;
    for (const auto& socket : sockets) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        (void)socket->close(std::max(left, 0ms));
    }
    sockets.clear();
}

// Threads that still wait in a socket come back before the interpreter ends; nothing native may touch it afterwards.
void onExit() {
    beginExit();
    closeAll();
    waitForUnlockedThreads();
    for (const auto& context : registry().contexts) {
        const auto alive = context.lock();
        if (alive == nullptr || forkCount() != 0) continue;
        const nb::gil_scoped_release unlocked;
        alive->stop();
    }
    releaseNow();
    stopReleasing();
}

}  // namespace

Context::Context(std::size_t number_of_threads) : native(std::make_shared<ymq::IoContext>(number_of_threads)) {
    Registry::add(registry().contexts, native);
}

Context::~Context() {
    if (made_at_fork != forkCount()) {
        // The threads live in the parent only: there is nothing to join, and their locks may be held for ever.
        (void)new std::shared_ptr<ymq::IoContext>(std::move(native));
        return;
    }
    const Unlocked unlocked;
    native.reset();
}

std::shared_ptr<ymq::Socket> makeSocket(const Context& context, ymq::SocketOptions options) {
    auto socket = std::make_shared<ymq::Socket>(context.native, std::move(options));
    Registry::add(registry().sockets, socket);
    return socket;
}

void defineContext(nb::module_& module) {
    countForks();
    nb::module_::import_("atexit").attr("register")(nb::cpp_function(&onExit));
    nb::class_<Context>(module, "Context", "Owns the I/O threads of its sockets.")
        .def(
            "__init__",
            [](Context* self, int number_of_threads) {
                if (number_of_threads < 1) throw nb::value_error("num_threads must be positive");
                new (self) Context(static_cast<std::size_t>(number_of_threads));
            },
            nb::arg("num_threads") = 1)
        .def_prop_ro("num_threads", [](const Context& self) { return self.native->numberOfThreads(); });
}

}  // namespace scaler::bindings
