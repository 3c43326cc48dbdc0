// The small messages: cancellation, objects, logs, and a processor's first word.
#include "bindings/codec_bindings.h"
#include "bindings/codec_values.h"
#include "protocol/object_instruction.h"
#include "protocol/processor_initialized.h"
#include "protocol/task_cancel.h"
#include "protocol/task_cancel_confirm.h"
#include "protocol/task_log.h"

using namespace nanobind::literals;

namespace scaler::bindings {

namespace {

using protocol::MessageKind;

struct TaskCancel {
    nb::bytes task_id;
    bool force = false;
};

struct TaskCancelConfirm {
    nb::bytes task_id;
    std::uint16_t cancel_confirm_type = 0;
};

struct ObjectInstruction {
    std::uint16_t instruction_type = 0;
    nb::bytes object_user;
    std::vector<nb::bytes> object_ids;
    std::vector<std::uint16_t> object_types;
    std::vector<nb::bytes> object_names;
};

struct TaskLog {
    nb::bytes task_id;
    std::uint16_t log_type = 0;
    nb::str content;
};

struct ProcessorInitialized {};

constexpr const char* kCancelFields[] = {"task_id", "force"};
constexpr const char* kConfirmFields[] = {"task_id", "cancel_confirm_type"};
constexpr const char* kInstructionFields[] = {"instruction_type", "object_user", "object_ids", "object_types",
                                              "object_names"};
constexpr const char* kLogFields[] = {"task_id", "log_type", "content"};

void defineTaskCancel(nb::module_& module) {
    nb::class_<TaskCancel> type(module, "TaskCancel", nb::is_final());
    type.def(
            "__init__",
            [](TaskCancel* self, nb::bytes task_id, bool force) {
                new (self) TaskCancel{std::move(task_id), force};
            },
            nb::kw_only(), "task_id"_a, "force"_a = false)
        .def_ro("task_id", &TaskCancel::task_id)
        .def_ro("force", &TaskCancel::force)
        .def("encode", [](const TaskCancel& cancel) {
            return encodeView(protocol::TaskCancelView{viewOf(cancel.task_id), cancel.force});
        });
    defineValue(type, kCancelFields);
}

void defineTaskCancelConfirm(nb::module_& module) {
    nb::class_<TaskCancelConfirm> type(module, "TaskCancelConfirm", nb::is_final());
    type.def(
            "__init__",
            [](TaskCancelConfirm* self, nb::bytes task_id, nb::int_ kind) {
                new (self) TaskCancelConfirm{std::move(task_id), fitting<std::uint16_t>("cancel_confirm_type", kind)};
            },
            nb::kw_only(), "task_id"_a, "cancel_confirm_type"_a)
        .def_ro("task_id", &TaskCancelConfirm::task_id)
        .def_ro("cancel_confirm_type", &TaskCancelConfirm::cancel_confirm_type)
        .def("encode", [](const TaskCancelConfirm& confirm) {
            return encodeView(protocol::TaskCancelConfirmView{viewOf(confirm.task_id), confirm.cancel_confirm_type});
        });
    defineValue(type, kConfirmFields);
}

void constructInstruction(ObjectInstruction* self, nb::int_ kind, nb::bytes user, nb::handle ids, nb::handle types,
                          nb::handle names) {
    std::vector<std::uint16_t> type_values;
    for (const auto type : types) {
        type_values.push_back(fitting<std::uint16_t>("object_types", typed<nb::int_>("object_types", type)));
    }
    new (self)
        ObjectInstruction{fitting<std::uint16_t>("instruction_type", kind), std::move(user),
                          bytesListOf("object_ids", ids), std::move(type_values), bytesListOf("object_names", names)};
}

void defineObjectInstruction(nb::module_& module) {
    nb::class_<ObjectInstruction> type(module, "ObjectInstruction", nb::is_final());
    type.def("__init__", &constructInstruction, nb::kw_only(), "instruction_type"_a, "object_user"_a = nb::bytes("", 0),
             "object_ids"_a = nb::tuple(), "object_types"_a = nb::tuple(), "object_names"_a = nb::tuple())
        .def_ro("instruction_type", &ObjectInstruction::instruction_type)
        .def_ro("object_user", &ObjectInstruction::object_user)
        .def_prop_ro("object_ids", [](const ObjectInstruction& self) { return toList(self.object_ids); })
        .def_prop_ro("object_types", [](const ObjectInstruction& self) { return toList(self.object_types); })
        .def_prop_ro("object_names", [](const ObjectInstruction& self) { return toList(self.object_names); })
        .def("encode", [](const ObjectInstruction& self) {
            return encodeView(protocol::ObjectInstructionView{self.instruction_type, viewOf(self.object_user),
                                                              viewsOf(self.object_ids), self.object_types,
                                                              viewsOf(self.object_names)});
        });
    defineValue(type, kInstructionFields);
}

void defineTaskLog(nb::module_& module) {
    nb::class_<TaskLog> type(module, "TaskLog", nb::is_final());
    type.def(
            "__init__",
            [](TaskLog* self, nb::bytes task_id, nb::int_ kind, nb::str content) {
                viewOf(content);  // refuses what cannot be encoded at once
                new (self) TaskLog{std::move(task_id), fitting<std::uint16_t>("log_type", kind), std::move(content)};
            },
            nb::kw_only(), "task_id"_a, "log_type"_a, "content"_a)
        .def_ro("task_id", &TaskLog::task_id)
        .def_ro("log_type", &TaskLog::log_type)
        .def_ro("content", &TaskLog::content)
        .def("encode", [](const TaskLog& log) {
            return encodeView(protocol::TaskLogView{viewOf(log.task_id), log.log_type, viewOf(log.content)});
        });
    defineValue(type, kLogFields);
}

void defineProcessorInitialized(nb::module_& module) {
    nb::class_<ProcessorInitialized> type(module, "ProcessorInitialized", nb::is_final());
    type.def(nb::init<>()).def("encode", [](const ProcessorInitialized&) {
        return encodeView(protocol::ProcessorInitializedView{});
    });
    type.def("__eq__", [](nb::handle self, nb::handle other) { return equalFields(self, other, {}); });
    type.def("__repr__", [](nb::handle self) { return reprOfFields(self, {}); });
    type.attr("__hash__") = nb::none();
}

nb::object decodeInstruction(const protocol::FrameReader& frame) {
    auto view = protocol::decodeObjectInstruction(frame);
    return nb::cast(ObjectInstruction{view.instruction_type, toBytes(view.object_user), toBytesList(view.object_ids),
                                      std::move(view.object_types), toBytesList(view.object_names)});
}

}  // namespace

void defineMessages(nb::module_& module) {
    defineTaskCancel(module);
    defineTaskCancelConfirm(module);
    defineObjectInstruction(module);
    defineTaskLog(module);
    defineProcessorInitialized(module);
}

nb::object decodeMessageObject(const protocol::FrameReader& frame) {
    switch (frame.kind()) {
        case MessageKind::TASK_CANCEL: {
            const auto view = protocol::decodeTaskCancel(frame);
            return nb::cast(TaskCancel{toBytes(view.task_id), view.force});
        }
        case MessageKind::TASK_CANCEL_CONFIRM: {
            const auto view = protocol::decodeTaskCancelConfirm(frame);
            return nb::cast(TaskCancelConfirm{toBytes(view.task_id), view.cancel_confirm_type});
        }
        case MessageKind::TASK_LOG: {
            const auto view = protocol::decodeTaskLog(frame);
            return nb::cast(TaskLog{toBytes(view.task_id), view.log_type, toText(view.content)});
        }
        case MessageKind::OBJECT_INSTRUCTION:
            return decodeInstruction(frame);
        case MessageKind::PROCESSOR_INITIALIZED:
            return nb::cast(ProcessorInitialized{});
        default:
            return nb::none();
    }
}

}  // namespace scaler::bindings
