// scaler.worker.agent._relay: the relay for Python. No method waits for long, so none releases the GIL.
#include "worker/relay.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/unique_ptr.h>

#include <memory>

#include "bindings/ymq_port.h"

namespace nb = nanobind;

namespace scaler::bindings {

namespace {

// Keeps the gate of the processor that is served as long as the native code may use it.
class Relay {
public:
    explicit Relay(std::shared_ptr<worker::Relay> native) : native_(std::move(native)) {}

    ~Relay() { (void)native_->close(); }

    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    bool open(nb::bytes processor_id, nb::object gate, std::uint64_t next_number) {
        auto& native_gate = nb::cast<worker::TaskGate&>(gate);
        const bool is_open =
            native_->open(std::string(processor_id.c_str(), processor_id.size()), native_gate, next_number);
        gate_ = std::move(gate);
        return is_open;
    }

    nb::tuple close() {
        worker::Relay::Passed passed = native_->close();
        gate_ = nb::object();
        if (!passed.running) return nb::make_tuple(passed.ended_tasks, nb::none(), true);
        return nb::make_tuple(passed.ended_tasks, nb::cast(std::move(passed.running->frame)),
                              passed.running->is_delivered);
    }

private:
    const std::shared_ptr<worker::Relay> native_;
    nb::object gate_{};
};

std::unique_ptr<Relay> connect(const Port& scheduler, const Port& processors) {
    auto native = worker::Relay::connect(scheduler.native, processors.native);
    return native == nullptr ? nullptr : std::make_unique<Relay>(std::move(native));
}

}  // namespace

}  // namespace scaler::bindings

NB_MODULE(_relay, m) {
    using scaler::bindings::Relay;
    // The modules whose classes it takes and gives.
    nb::module_::import_("scaler.io.ymq._ymq");
    nb::module_::import_("scaler.worker.agent._task_gate");

    nb::class_<Relay>(m, "Relay", "Passes single tasks and their results through an agent, without its Python.")
        .def_static("connect", &scaler::bindings::connect, nb::arg("scheduler"), nb::arg("processors"))
        .def("open", &Relay::open, nb::arg("processor_id"), nb::arg("gate"), nb::arg("next_number"))
        .def("close", &Relay::close);
}
