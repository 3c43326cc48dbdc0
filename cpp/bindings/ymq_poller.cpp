// Poller: the select() of an asyncio loop, which runs the native loop meanwhile.
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "bindings/ymq_bindings.h"
#include "bindings/ymq_socket.h"
#include "ymq/poller.h"

namespace nb = nanobind;

namespace scaler::bindings {

namespace {

using Clock = std::chrono::steady_clock;

class Poller {
public:
    Poller(const Socket& socket, int descriptor)
        : native_(std::make_unique<ymq::Poller>(socket.native(), descriptor)), descriptor_(descriptor) {}

    ~Poller() {
        if (made_at_fork_ != forkCount()) {
            (void)native_.release();
            return;
        }
        for (const nb::object& socket : sockets_) native_->remove(nativeOf(socket));
    }

    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    bool add(const nb::object& socket) {
        if (!native_->add(nativeOf(socket))) return false;
        sockets_.push_back(socket);
        return true;
    }

    void remove(const nb::object& socket) {
        native_->remove(nativeOf(socket));
        std::erase_if(sockets_, [&](const nb::object& own) { return own.is(socket); });
    }

    nb::list wait(std::optional<double> timeout_seconds) {
        sleepIfExiting();
        std::optional<Clock::time_point> deadline;
        if (timeout_seconds) deadline = Clock::now() + nanoseconds(*timeout_seconds);
        ymq::Poller::Wait outcome;
        {
            const Unlocked unlocked;
            outcome = native_->wait(deadline);
        }
        if (outcome == ymq::Poller::Wait::signalled && PyErr_CheckSignals() != 0) throw nb::python_error();
        nb::list ready;
        for (const nb::object& socket : sockets_) {
            if (nativeOf(socket).hasItems()) ready.append(socket);
        }
        if (native_->takeDescriptorReady()) ready.append(descriptor_);
        return ready;
    }

private:
    static ymq::Socket& nativeOf(const nb::object& socket) { return nb::cast<const Socket&>(socket).native(); }

    std::unique_ptr<ymq::Poller> native_;
    const int descriptor_;
    std::vector<nb::object> sockets_{};
    const std::uint64_t made_at_fork_{forkCount()};
};

}  // namespace

void definePoller(nb::module_& module) {
    nb::class_<Poller>(module, "Poller", "Waits for sockets and a descriptor at once.")
        .def(nb::init<const Socket&, int>(), nb::arg("socket"), nb::arg("descriptor"))
        .def("add", &Poller::add, nb::arg("socket"))
        .def("remove", &Poller::remove, nb::arg("socket"))
        .def("wait", &Poller::wait, nb::arg("timeout_seconds").none());
}

}  // namespace scaler::bindings
