// The enums of the schema as IntEnum, with the schema's own names: nothing is listed twice.
#include <capnp/schema.h>

#include "bindings/codec_bindings.h"
#include "message.capnp.h"

namespace nb = nanobind;

namespace scaler::bindings {

namespace {

template <class Enum>
void defineEnum(nb::module_& module, const char* name, const char* documentation) {
    nb::enum_<Enum> type(module, name, documentation, nb::is_arithmetic());
    const auto schema = capnp::Schema::from<Enum>();
    for (const auto enumerant : schema.getEnumerants()) {
        type.value(enumerant.getProto().getName().cStr(), static_cast<Enum>(enumerant.getOrdinal()));
    }
}

void defineMessageKind(nb::module_& module) {
    nb::enum_<::Message::Which> type(module, "MessageKind", "The members of the message's union.", nb::is_arithmetic());
    const auto schema = capnp::Schema::from<::Message>();
    for (const auto field : schema.getUnionFields()) {
        type.value(field.getProto().getName().cStr(),
                   static_cast<::Message::Which>(field.getProto().getDiscriminantValue()));
    }
}

}  // namespace

void defineEnums(nb::module_& module) {
    defineMessageKind(module);
    defineEnum<::TaskResultType>(module, "TaskResultType", "How a task ended.");
    defineEnum<::TaskCancelConfirmType>(module, "TaskCancelConfirmType", "The verdict on a cancellation.");
    defineEnum<::TaskEndCause>(module, "TaskEndCause", "Why a task ended without success.");
    defineEnum<::Task::Argument::ArgumentType>(module, "ArgumentType", "What the data of an argument is.");
    defineEnum<::ObjectInstruction::ObjectInstructionType>(module, "ObjectInstructionType", "What becomes of objects.");
    defineEnum<::ObjectMetadata::ObjectContentType>(module, "ObjectContentType", "What an object holds.");
    defineEnum<::TaskLog::LogType>(module, "LogType", "Which stream was written to.");
}

}  // namespace scaler::bindings
