// The native codec of the hot messages as a Python module.
#include <nanobind/nanobind.h>

#include "bindings/codec_bindings.h"
#include "bindings/codec_values.h"
#include "protocol/validation.h"

using namespace nanobind::literals;

namespace scaler::bindings {

namespace {

int which(nb::handle object) {
    const FrameBuffer buffer(object);
    return static_cast<int>(protocol::FrameReader(buffer.bytes()).kind());
}

nb::object decode(nb::handle object) {
    const FrameBuffer buffer(object);
    const protocol::FrameReader frame(buffer.bytes());
    switch (frame.kind()) {
        case protocol::MessageKind::TASK:
            return decodeTaskObject(frame);
        case protocol::MessageKind::TASK_RESULT:
            return decodeTaskResultObject(frame);
        case protocol::MessageKind::GRAPH_TASK:
            return decodeGraphTaskObject(frame);
        default:
            return decodeMessageObject(frame);
    }
}

void validate(nb::handle object) {
    const FrameBuffer buffer(object);
    protocol::validate(protocol::FrameReader(buffer.bytes()));
}

// The union of all types that decode may return, for annotations.
nb::object hotMessages(nb::module_& module) {
    return module.attr("Task") | module.attr("TaskResult") | module.attr("GraphTask") | module.attr("TaskCancel") |
           module.attr("TaskCancelConfirm") | module.attr("ObjectInstruction") | module.attr("TaskLog") |
           module.attr("ProcessorInitialized");
}

}  // namespace

NB_MODULE(_codec, module) {
    // Values that live in globals until the interpreter ends are no fault of the user's.
    nb::set_leak_warnings(false);
    nb::exception<protocol::CodecError>(module, "CodecError", PyExc_ValueError);
    defineAny(module);
    defineEnums(module);
    defineTask(module);
    defineTaskResult(module);
    defineGraphTask(module);
    defineMessages(module);
    module.attr("HotMessage") = hotMessages(module);
    module.def("which", &which, "frame"_a);
    module.def("decode", &decode, "frame"_a);
    module.def("validate", &validate, "frame"_a);
}

}  // namespace scaler::bindings
