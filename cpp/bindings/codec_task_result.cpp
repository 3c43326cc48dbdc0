// TaskResult.
#include <optional>

#include "bindings/codec_bindings.h"
#include "bindings/codec_values.h"
#include "protocol/task_result.h"

using namespace nanobind::literals;

namespace scaler::bindings {

namespace {

struct TaskResult {
    nb::bytes task_id;
    std::uint16_t result_type = 0;
    nb::bytes metadata;
    std::vector<nb::bytes> results;
    std::uint32_t attempt = 0;
    std::uint16_t cause = 0;
    nb::object value;  // bytes or None
};

constexpr const char* kFields[] = {"task_id", "result_type", "metadata", "results", "attempt", "cause", "value"};

void construct(TaskResult* self, nb::bytes task_id, nb::int_ result_type, nb::bytes metadata, nb::handle results,
               nb::int_ attempt, nb::int_ cause, nb::handle value) {
    new (self) TaskResult{std::move(task_id),
                          fitting<std::uint16_t>("result_type", result_type),
                          std::move(metadata),
                          bytesListOf("results", results),
                          fitting<std::uint32_t>("attempt", attempt),
                          fitting<std::uint16_t>("cause", cause),
                          value.is_none() ? nb::none() : nb::object(bytesOf(value))};
}

nb::bytes encodeTaskResult(const TaskResult& result) {
    protocol::TaskResultView view{
        viewOf(result.task_id), result.result_type, viewOf(result.metadata), viewsOf(result.results), result.attempt,
        result.cause,           std::nullopt};
    if (!result.value.is_none()) {
        view.value = viewOf(nb::borrow<nb::bytes>(result.value));
    }
    return encodeView(view);
}

nb::tuple peekResult(nb::handle object) {
    const FrameBuffer buffer(object);
    const protocol::FrameReader frame(buffer.bytes());
    const auto result = protocol::peekTaskResult(frame);
    return nb::make_tuple(toBytes(result.task_id), result.result_type, toBytes(result.metadata),
                          toList(toBytesList(result.results)), result.attempt, result.cause);
}

}  // namespace

void defineTaskResult(nb::module_& module) {
    nb::class_<TaskResult> type(module, "TaskResult", nb::is_final());
    type.def("__init__", &construct, nb::kw_only(), "task_id"_a, "result_type"_a, "metadata"_a = nb::bytes("", 0),
             "results"_a = nb::tuple(), "attempt"_a = 0, "cause"_a = 0, "value"_a = nb::none())
        .def_ro("task_id", &TaskResult::task_id)
        .def_ro("result_type", &TaskResult::result_type)
        .def_ro("metadata", &TaskResult::metadata)
        .def_prop_ro("results", [](const TaskResult& result) { return toList(result.results); })
        .def_ro("attempt", &TaskResult::attempt)
        .def_ro("cause", &TaskResult::cause)
        .def_ro("value", &TaskResult::value)
        .def("encode", &encodeTaskResult);
    defineValue(type, kFields);
    module.def("peek_result", &peekResult, "frame"_a);
}

nb::object decodeTaskResultObject(const protocol::FrameReader& frame) {
    const auto view = protocol::decodeTaskResult(frame);
    return nb::cast(TaskResult{toBytes(view.task_id), view.result_type, toBytes(view.metadata),
                               toBytesList(view.results), view.attempt, view.cause,
                               view.value ? nb::object(toBytes(*view.value)) : nb::none()});
}

}  // namespace scaler::bindings
