// The module _ymq: native messaging for Python.
#include "bindings/ymq_bindings.h"
#include "bindings/ymq_log.h"

NB_MODULE(_ymq, module) {
    module.doc() = "Native messaging; use it through scaler.io.ymq.ymq.";
    // Daemon threads still hold objects at the exit, which is no leak of ours.
    nanobind::set_leak_warnings(false);
    scaler::bindings::defineEnums(module);
    scaler::bindings::defineException(module);
    scaler::bindings::defineBytes(module);
    scaler::bindings::defineMemoryFile(module);
    scaler::bindings::defineContext(module);
    scaler::bindings::defineSocket(module);
    scaler::bindings::definePoller(module);
    module.def("set_log_descriptor", &scaler::bindings::setLogDescriptor, nanobind::arg("descriptor"),
               "Write the lines of all sockets to a descriptor, or to the standard error stream with -1.");
}
