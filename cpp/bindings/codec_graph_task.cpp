// GraphTask: tasks that depend on each other, in one message.
#include "bindings/codec_bindings.h"
#include "bindings/codec_task.h"
#include "bindings/codec_values.h"
#include "protocol/graph_task.h"

using namespace nanobind::literals;

namespace scaler::bindings {

namespace {

struct GraphTask {
    nb::bytes task_id;
    nb::bytes source;
    std::vector<nb::bytes> targets;
    nb::list graph;  // of Task
    bool more = false;
};

constexpr const char* kGraphFields[] = {"task_id", "source", "targets", "graph", "more"};

void construct(GraphTask* self, nb::bytes task_id, nb::bytes source, nb::handle targets, nb::handle graph, bool more) {
    nb::list tasks;
    for (const auto task : graph) {
        if (!nb::isinstance<Task>(task)) {
            throw nb::type_error("graph has a value of a wrong type");
        }
        tasks.append(task);
    }
    new (self)
        GraphTask{std::move(task_id), std::move(source), bytesListOf("targets", targets), std::move(tasks), more};
}

nb::bytes encodeGraph(const GraphTask& graph) {
    protocol::GraphTaskView view{viewOf(graph.task_id), viewOf(graph.source), viewsOf(graph.targets), {}, graph.more};
    view.graph.reserve(graph.graph.size());
    for (const auto task : graph.graph) {
        view.graph.push_back(toView(nb::cast<const Task&>(task)));
    }
    return encodeView(view);
}

}  // namespace

void defineGraphTask(nb::module_& module) {
    nb::class_<GraphTask> type(module, "GraphTask", nb::is_final());
    type.def("__init__", &construct, nb::kw_only(), "task_id"_a, "source"_a, "targets"_a = nb::tuple(),
             "graph"_a = nb::tuple(), "more"_a = false)
        .def_ro("task_id", &GraphTask::task_id)
        .def_ro("source", &GraphTask::source)
        .def_prop_ro("targets", [](const GraphTask& graph) { return toList(graph.targets); })
        .def_prop_ro("graph", [](const GraphTask& graph) { return nb::list(graph.graph); })
        .def_ro("more", &GraphTask::more)
        .def("encode", &encodeGraph);
    defineValue(type, kGraphFields);
}

nb::object decodeGraphTaskObject(const protocol::FrameReader& frame) {
    const auto view = protocol::decodeGraphTask(frame);
    nb::list tasks;
    for (const auto& task : view.graph) {
        tasks.append(toTask(task));
    }
    return nb::cast(
        GraphTask{toBytes(view.task_id), toBytes(view.source), toBytesList(view.targets), std::move(tasks), view.more});
}

}  // namespace scaler::bindings
