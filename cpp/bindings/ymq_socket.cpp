// Socket: batches in, batches out, and no Python under any native lock.
#include "bindings/ymq_socket.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "bindings/stable_abi.h"
#include "bindings/ymq_bindings.h"
#include "bindings/ymq_context.h"
#include "bindings/ymq_log.h"
#include "bindings/ymq_payload.h"
#include "bindings/ymq_port.h"
#include "bindings/ymq_released.h"
#include "ymq/signals_blocked.h"

namespace nb = nanobind;

namespace scaler::bindings {

namespace {

using ymq::ErrorCode;
using Clock = std::chrono::steady_clock;

// A send of more than this may take long enough for other Python threads to run meanwhile.
constexpr std::size_t kUnlockedBytes = 64 * 1024;

std::chrono::milliseconds milliseconds(double seconds) {
    return std::chrono::ceil<std::chrono::milliseconds>(nanoseconds(seconds));
}

// The address of a message: None, bytes, or any other buffer, which is copied.
class Destination {
public:
    explicit Destination(nb::handle value) {
        if (value.is_none()) return;
        if (PyBytes_CheckExact(value.ptr())) {
            view_ = viewOfBytes(value.ptr());
            return;
        }
        copy_ = copyBuffer(value);
        view_ = copy_.view();
    }
    Destination(const Destination&) = delete;
    Destination& operator=(const Destination&) = delete;

    const std::optional<std::string_view>& view() const noexcept { return view_; }

private:
    ymq::Bytes copy_{};
    std::optional<std::string_view> view_{};
};

// Calls the function, without the GIL when it has much to do.
template <typename Function>
ErrorCode unlockedIfLarge(std::size_t size, Function function) {
    if (size < kUnlockedBytes) return function();
    const Unlocked unlocked;
    return function();
}

PyObject* identityOf(ymq::PeerName& peer) {
    if (peer.attachment == nullptr) {
        PyObject* identity =
            PyBytes_FromStringAndSize(peer.identity.data(), static_cast<Py_ssize_t>(peer.identity.size()));
        if (identity == nullptr) throw nb::python_error();
        peer.attachment =
            std::shared_ptr<void>(identity, [](void* object) { releaseLater(static_cast<PyObject*>(object)); });
    }
    return static_cast<PyObject*>(peer.attachment.get());
}

nb::object toPayload(ymq::Bytes payload, std::size_t copy_below_bytes) {
    if (payload.size() < copy_below_bytes) return nb::bytes(payload.data(), payload.size());
    return nb::cast(std::move(payload), nb::rv_policy::move);
}

nb::object toTuple(ymq::Received& item, std::size_t copy_below_bytes) {
    nb::object first;
    nb::object second;
    switch (item.kind) {
        case ymq::Received::Kind::message:
            first = nb::borrow(identityOf(*item.peer));
            second = toPayload(std::move(item.payload), copy_below_bytes);
            break;
        case ymq::Received::Kind::event:
            first = nb::borrow(identityOf(*item.peer));
            second = nb::cast(item.event);
            break;
        case ymq::Received::Kind::completion:
            first = nb::int_(item.token);
            second = nb::cast(item.code);
            break;
    }
    PyObject* tuple = PyTuple_New(2);
    if (tuple == nullptr) throw nb::python_error();
    NB_TUPLE_SET_ITEM(tuple, 0, first.release().ptr());
    NB_TUPLE_SET_ITEM(tuple, 1, second.release().ptr());
    return nb::steal(tuple);
}

// Returns the list; every item is in it before any Python code can run, for that may raise.
nb::list appendTo(nb::list list, std::vector<ymq::Received> items) {
    for (ymq::Received& item : items) list.append(toTuple(item, 0));
    return list;
}

nb::list toList(std::vector<ymq::Received> items, std::size_t copy_below_bytes = 0) {
    PyObject* list = PyList_New(static_cast<Py_ssize_t>(items.size()));
    if (list == nullptr) throw nb::python_error();
    nb::list result = nb::steal<nb::list>(list);
    for (std::size_t index = 0; index < items.size(); ++index) {
        NB_LIST_SET_ITEM(list, static_cast<Py_ssize_t>(index), toTuple(items[index], copy_below_bytes).release().ptr());
    }
    return result;
}

std::string bind(const Socket& self, const std::string& address) {
    ymq::Socket& native = self.native();
    ymq::Result<ymq::Address> real = [&] {
        const Unlocked unlocked;
        return native.bind(address);
    }();
    if (!real) raise(real.error());
    return real->toString();
}

void connect(const Socket& self, const std::string& address, double give_up_seconds) {
    const ymq::Result<void> started = self.native().connect(address, milliseconds(give_up_seconds));
    if (!started) raise(started.error());
}

void send(const Socket& self, nb::handle address, nb::handle payload, std::uint64_t token) {
    ymq::Socket& native = self.native();
    const Destination destination(address);
    const Payload content(payload);
    const ErrorCode code =
        unlockedIfLarge(content.size(), [&] { return native.send(destination.view(), content.parts(), token); });
    if (code != ErrorCode::uninit) raise(code);
}

bool sendNow(const Socket& self, nb::handle address, nb::handle payload, std::uint64_t token) {
    ymq::Socket& native = self.native();
    const Destination destination(address);
    const Payload content(payload);
    bool written = false;
    const ErrorCode code = unlockedIfLarge(
        content.size(), [&] { return native.sendNow(destination.view(), content.parts(), token, written); });
    if (code != ErrorCode::uninit) raise(code);
    return written;
}

void sendSoon(const Socket& self, nb::handle address, nb::handle payload, double delay_seconds) {
    ymq::Socket& native = self.native();
    const Destination destination(address);
    const Payload content(payload);
    const ErrorCode code = unlockedIfLarge(content.size(), [&] {
        return native.sendSoon(destination.view(), content.parts(), nanoseconds(delay_seconds));
    });
    if (code != ErrorCode::uninit) raise(code);
}

nb::list sendMany(const Socket& self, nb::handle messages) {
    ymq::Socket& native = self.native();
    const nb::object sequence = nb::steal(PySequence_Fast(messages.ptr(), "expected a sequence of messages"));
    if (!sequence.is_valid()) throw nb::python_error();
    nb::list refused;
    std::size_t size = 0;
    for (Py_ssize_t index = 0; index < sizeOfFast(sequence.ptr()); ++index) {
        const nb::handle message = itemOfFast(sequence.ptr(), index);
        if (!PyTuple_Check(message.ptr()) || NB_TUPLE_GET_SIZE(message.ptr()) != 2) {
            native.flush();
            throw nb::type_error("a message is a tuple of an address and a payload");
        }
        const Destination destination(NB_TUPLE_GET_ITEM(message.ptr(), 0));
        const Payload content(NB_TUPLE_GET_ITEM(message.ptr(), 1));
        const ErrorCode code = native.queue(destination.view(), content.parts());
        if (code != ErrorCode::uninit) refused.append(nb::make_tuple(index, code));
        size += content.size();
    }
    (void)unlockedIfLarge(size, [&] {
        native.flush();
        return ErrorCode::uninit;
    });
    return refused;
}

// A thread that waits runs the loop for so long before it leaves that to the I/O thread.
constexpr std::chrono::milliseconds kLongestTurn{500};

// Waits, at first by running the loop. A signal that comes just before that waits does not end the wait, so it is
// short; a longer one goes on behind a look at the signals, in a way that misses none.
ymq::Socket::Wait waitFor(ymq::Socket& native, const std::optional<Clock::time_point>& deadline) {
    const auto turn = Clock::now() + kLongestTurn;
    const bool is_last_turn = deadline && *deadline <= turn;
    {
        const Unlocked unlocked;
        const ymq::Socket::Wait outcome = native.wait(is_last_turn ? *deadline : turn);
        if (is_last_turn || outcome != ymq::Socket::Wait::timedOut) return outcome;
    }
    const ymq::SignalsBlocked blocked;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    const Unlocked unlocked;
    return native.sleep(deadline, blocked.before());
}

nb::list recvBatch(const Socket& self, std::optional<double> timeout_seconds, std::size_t maximum,
                   std::optional<nb::list> into) {
    ymq::Socket& native = self.native();
    std::optional<Clock::time_point> deadline;
    if (timeout_seconds) deadline = Clock::now() + nanoseconds(*timeout_seconds);
    for (;;) {
        std::vector<ymq::Received> items = native.take(maximum);
        if (!items.empty()) return into ? appendTo(*into, std::move(items)) : toList(std::move(items));
        switch (waitFor(native, deadline)) {
            case ymq::Socket::Wait::received:
                break;
            case ymq::Socket::Wait::timedOut:
            case ymq::Socket::Wait::interrupted:
                return into ? *into : nb::list();
            case ymq::Socket::Wait::closed:
                raise(ErrorCode::ioSocketStopRequested);
            case ymq::Socket::Wait::signalled:
                if (PyErr_CheckSignals() != 0) throw nb::python_error();
                break;
        }
    }
}

bool closeSocket(const Socket& self, double linger_seconds) {
    ymq::Socket& native = self.native();
    const Unlocked unlocked;
    return native.close(milliseconds(linger_seconds));
}

void initialise(Socket* self, const Context& context, nb::bytes identity, ymq::SocketType type,
                ymq::Handshake handshake, ymq::Role role, nb::bytes cluster_id, double session_timeout_seconds,
                double ping_interval_seconds, std::uint64_t outbound_bound_bytes, std::uint64_t inbound_bound_bytes,
                std::uint64_t maximum_frame_bytes, bool local_channel) {
    if (context.made_at_fork != forkCount()) {
        raise(ErrorCode::configurationError, "the context belongs to the parent of this forked process");
    }
    if (identity.size() > ymq::kMaximumIdentityBytes) throw nb::value_error("an identity has at most 1024 bytes");
    if (cluster_id.size() > ymq::kMaximumIdentityBytes) throw nb::value_error("a cluster id has at most 1024 bytes");
    ymq::SocketOptions options;
    options.type = type;
    options.identity = std::string(identity.c_str(), identity.size());
    options.handshake = handshake;
    options.role = role;
    options.cluster_id = std::string(cluster_id.c_str(), cluster_id.size());
    options.session_timeout = milliseconds(session_timeout_seconds);
    options.ping_interval = std::max(milliseconds(ping_interval_seconds), std::chrono::milliseconds(10));
    options.outbound_bound_bytes = outbound_bound_bytes;
    options.inbound_bound_bytes = inbound_bound_bytes;
    options.maximum_frame_bytes = maximum_frame_bytes;
    options.local_channel = local_channel;
    options.log = &writeLine;
    new (self) Socket(context, std::move(options));
}

void defineStatistics(nb::module_& module) {
    using ymq::SocketStatistics;
    nb::class_<SocketStatistics>(module, "Statistics", "The gauges and counters of a socket.")
        .def_ro("peers", &SocketStatistics::peers)
        .def_ro("received_messages", &SocketStatistics::received_messages)
        .def_ro("sent_messages", &SocketStatistics::sent_messages)
        .def_ro("inbound_bytes", &SocketStatistics::inbound_bytes)
        .def_ro("outbound_bytes", &SocketStatistics::outbound_bytes)
        .def_ro("dropped_messages", &SocketStatistics::dropped_messages);
}

void defineSending(nb::class_<Socket>& type) {
    type.def("send", &send, nb::arg("address").none(), nb::arg("payload"), nb::arg("token") = 0);
    type.def("send_now", &sendNow, nb::arg("address").none(), nb::arg("payload"), nb::arg("token"));
    type.def("send_many", &sendMany, nb::arg("messages"));
    type.def("send_soon", &sendSoon, nb::arg("address").none(), nb::arg("payload"), nb::arg("delay_seconds") = 0.0005);
}

void defineReceiving(nb::class_<Socket>& type) {
    type.def("fileno", [](const Socket& self) { return self.native().descriptor(); });
    type.def(
        "drain",
        [](const Socket& self, std::size_t maximum, std::size_t copy_below_bytes) {
            return toList(self.native().take(maximum), copy_below_bytes);
        },
        nb::arg("maximum") = 1024, nb::arg("copy_below_bytes") = 0);
    type.def("recv_batch", &recvBatch, nb::arg("timeout_seconds").none() = nb::none(), nb::arg("maximum") = 1024,
             nb::arg("into").none() = nb::none());
    type.def("interrupt", [](const Socket& self) { self.native().interrupt(); });
}

void defineLife(nb::class_<Socket>& type) {
    type.def("bind", &bind, nb::arg("address"));
    type.def("connect", &connect, nb::arg("address"), nb::arg("give_up_seconds") = 60.0);
    type.def(
        "set_session_timeout",
        [](const Socket& self, ymq::Role role, double seconds) {
            self.native().setSessionTimeout(role, milliseconds(seconds));
        },
        nb::arg("role"), nb::arg("seconds"));
    type.def(
        "peer_role",
        [](const Socket& self, nb::bytes identity) {
            return self.native().peerRole({identity.c_str(), identity.size()});
        },
        nb::arg("identity"));
    type.def(
        "close_connection",
        [](const Socket& self, nb::bytes identity) {
            self.native().closeConnection({identity.c_str(), identity.size()});
        },
        nb::arg("identity"));
    type.def("request_stop", [](const Socket& self) { self.native().requestStop(); });
    type.def("close", &closeSocket, nb::arg("linger_seconds") = 1.0);
    type.def("statistics", [](const Socket& self) { return self.native().statistics(); });
}

}  // namespace

std::chrono::nanoseconds nanoseconds(double seconds) {
    constexpr double kLongestSeconds = 1e9;
    const double bounded = std::clamp(std::isnan(seconds) ? 0.0 : seconds, 0.0, kLongestSeconds);
    return std::chrono::nanoseconds(static_cast<std::int64_t>(bounded * 1e9));
}

Socket::Socket(const Context& context, ymq::SocketOptions options) : native_(makeSocket(context, std::move(options))) {}

Socket::~Socket() {
    if (made_at_fork_ != forkCount()) {
        (void)new std::shared_ptr<ymq::Socket>(std::move(native_));
        return;
    }
    const Unlocked unlocked;
    (void)native_->close(std::chrono::seconds(1));
    native_.reset();
}

ymq::Socket& Socket::native() const {
    if (made_at_fork_ != forkCount()) {
        raise(ErrorCode::configurationError, "the socket belongs to the parent of this forked process");
    }
    sleepIfExiting();
    releaseNow();
    return *native_;
}

void defineSocket(nb::module_& module) {
    defineStatistics(module);
    nb::class_<Port>(module, "Port", "A socket for other extension modules.");
    nb::class_<Socket> type(module, "Socket", nb::is_weak_referenceable(), "A message socket with named peers.");
    const ymq::SocketOptions defaults;
    type.def("__init__", &initialise, nb::arg("context"), nb::arg("identity"), nb::arg("socket_type"), nb::kw_only(),
             nb::arg("handshake") = ymq::Handshake::hello, nb::arg("role") = ymq::Role::unknown,
             nb::arg("cluster_id") = nb::bytes("", 0), nb::arg("session_timeout_seconds") = 60.0,
             nb::arg("ping_interval_seconds") = 5.0, nb::arg("outbound_bound_bytes") = defaults.outbound_bound_bytes,
             nb::arg("inbound_bound_bytes") = defaults.inbound_bound_bytes,
             nb::arg("maximum_frame_bytes") = defaults.maximum_frame_bytes,
             nb::arg("local_channel") = defaults.local_channel);
    type.def_prop_ro("identity", [](const Socket& self) {
        const std::string& identity = self.native().options().identity;
        return nb::bytes(identity.data(), identity.size());
    });
    type.def_prop_ro("port", [](const Socket& self) { return Port{self.native().port()}; });
    type.def_prop_ro("socket_type", [](const Socket& self) { return self.native().options().type; });
    type.def_prop_ro(
        "connect_failure", [](const Socket& self) { return self.native().connectFailure(); },
        "Return why the last connecting came to nothing: what the other side said, or how the last attempt failed.");
    defineSending(type);
    defineReceiving(type);
    defineLife(type);
}

}  // namespace scaler::bindings
