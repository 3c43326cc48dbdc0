// YMQException, which is a Python class, and how native code raises it.
#include <nanobind/eval.h>

#include "bindings/ymq_bindings.h"

namespace nb = nanobind;

namespace scaler::bindings {

namespace {

constexpr char kSource[] = R"(
class YMQException(Exception):
    """An operation of the messaging library failed; ``args`` is (code, message)."""

    def __init__(self, code, message):
        if not isinstance(code, ErrorCode):
            raise TypeError("expected code to be of type ErrorCode")
        if not isinstance(message, str):
            raise TypeError("expected message to be a string")
        super().__init__(code, message)

    @property
    def code(self):
        return self.args[0]

    @property
    def message(self):
        return self.args[1]
)";

// A borrowed reference; the module's dictionary keeps the class alive.
PyObject* exception_type = nullptr;

}  // namespace

void defineException(nb::module_& module) {
    nb::object scope = module.attr("__dict__");
    scope["__builtins__"] = nb::module_::import_("builtins");
    nb::exec(kSource, scope);
    exception_type = nb::object(module.attr("YMQException")).ptr();
}

void raise(ymq::ErrorCode code, const std::string& context) {
    const nb::object exception = nb::handle(exception_type)(code, ymq::Error{code, context}.message().c_str());
    PyErr_SetObject(exception_type, exception.ptr());
    throw nb::python_error();
}

}  // namespace scaler::bindings
