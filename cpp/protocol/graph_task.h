// Tasks that depend on each other: nodes of a graph, which a client submits together.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/frame_reader.h"
#include "protocol/task.h"

namespace scaler::protocol {

// Views bytes that others own: the frame it was decoded from, or the values that are to be encoded.
struct GraphTaskView {
    std::string_view task_id;  // of the graph as a whole
    std::string_view source;
    std::vector<std::string_view> targets;
    std::vector<TaskView> graph;
    bool more = false;
};

std::size_t encodedSizeBytes(const GraphTaskView& graph);
void encode(const GraphTaskView& graph, std::span<std::byte> out);
GraphTaskView decodeGraphTask(const FrameReader& frame);

}  // namespace scaler::protocol
