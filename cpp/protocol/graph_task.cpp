// Encoding and decoding of GraphTask.
#include "protocol/graph_task.h"

#include "protocol/fields.h"
#include "protocol/frame_builder.h"
#include "protocol/frame_size.h"
#include "protocol/guarded.h"
#include "protocol/task_fields.h"

namespace scaler::protocol {

std::size_t encodedSizeBytes(const GraphTaskView& graph) {
    FrameSize size;
    size.addStruct<::GraphTask>()
        .addData(graph.task_id.size())
        .addData(graph.source.size())
        .addDataList(graph.targets)
        .addStructList<::Task>(graph.graph.size());
    for (const auto& task : graph.graph) {
        addTaskContent(size, task);
    }
    return size.bytes();
}

void encode(const GraphTaskView& graph, std::span<std::byte> out) {
    guarded("cannot encode a GraphTask", [&] {
        FrameBuilder frame(out);
        auto builder = frame.message().initGraphTask();
        builder.setTaskId(toData(graph.task_id));
        builder.setSource(toData(graph.source));
        builder.setMore(graph.more);
        if (!graph.targets.empty()) {
            fillDataList(builder.initTargets(static_cast<unsigned>(graph.targets.size())), graph.targets);
        }
        if (!graph.graph.empty()) {
            auto tasks = builder.initGraph(static_cast<unsigned>(graph.graph.size()));
            for (unsigned i = 0; i < graph.graph.size(); ++i) {
                fillTask(graph.graph[i], tasks[i]);
            }
        }
        frame.finish();
    });
}

GraphTaskView decodeGraphTask(const FrameReader& frame) {
    frame.require(MessageKind::GRAPH_TASK);
    return guarded("malformed GraphTask", [&] {
        const auto reader = frame.message().getGraphTask();
        GraphTaskView graph;
        graph.task_id = fromData(reader.getTaskId());
        graph.source = fromData(reader.getSource());
        graph.targets = fromDataList(reader.getTargets());
        graph.more = reader.getMore();
        const auto tasks = structs<::Task>(reader.getGraph());
        graph.graph.reserve(tasks.size());
        for (const auto task : tasks) {
            graph.graph.push_back(readTask(task));
        }
        return graph;
    });
}

}  // namespace scaler::protocol
