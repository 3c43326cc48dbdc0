// The module _ymq: native messaging for Python.
#include "bindings/ymq_bindings.h"

NB_MODULE(_ymq, module) {
    module.doc() = "Native messaging; use it through scaler.io.ymq.ymq.";
    scaler::bindings::defineEnums(module);
    scaler::bindings::defineException(module);
    scaler::bindings::defineBytes(module);
    scaler::bindings::defineContext(module);
    scaler::bindings::defineSocket(module);
}
