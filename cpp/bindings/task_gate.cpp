// scaler.worker.agent._task_gate: the task gate for Python. No method waits, so none releases the GIL.
#include "worker/task_gate.h"

#include <nanobind/nanobind.h>

#include <cerrno>
#include <exception>
#include <system_error>

#include "bindings/os_error.h"

namespace nb = nanobind;
using scaler::worker::SlotState;
using scaler::worker::TaskGate;

namespace {

void translateSystemError(const std::exception_ptr& error, void*) {
    try {
        std::rethrow_exception(error);
    } catch (const std::system_error& failure) {
        scaler::bindings::setOsError(failure);
    }
}

}  // namespace

NB_MODULE(_task_gate, m) {
    nb::register_exception_translator(translateSystemError);

    nb::enum_<SlotState>(m, "SlotState", nb::is_arithmetic())
        .value("free", SlotState::free)
        .value("fed", SlotState::fed)
        .value("started", SlotState::started)
        .value("finished", SlotState::finished)
        .value("revoked", SlotState::revoked);

    nb::class_<TaskGate>(m, "TaskGate", "Decides without messages which of the tasks fed to a processor have started.")
        .def_static("create", &TaskGate::create, nb::arg("slots") = 256, "Make a gate in anonymous shared memory.")
        .def_static("attach", &TaskGate::attach, nb::arg("fd"), "Map a gate made by another process.")
        .def_prop_ro("slots", &TaskGate::slots)
        .def("fileno", &TaskGate::descriptor)
        .def("feed", &TaskGate::feed, nb::arg("number"), "Mark a task as fed; False while its slot is still taken.")
        .def("try_start", &TaskGate::tryStart, nb::arg("number"), "Mark a task as started; False when it was revoked.")
        .def("finish", &TaskGate::finish, nb::arg("number"), "Mark a task as run to its end.")
        .def("revoke", &TaskGate::revoke, nb::arg("number"), "Take a task back; False when it has started.")
        .def("release", &TaskGate::release, nb::arg("number"), "Free the slot of a task whose result has arrived.")
        .def("state", &TaskGate::state, nb::arg("number"))
        .def("close", &TaskGate::close);
}
