// Sizes, fills and reads one Task, alone or as a node of a graph.
#pragma once

#include "protocol/frame_size.h"
#include "protocol/task.h"

namespace scaler::protocol {

// Adds what the fields of a task point to; the struct itself is the caller's.
void addTaskContent(FrameSize& size, const TaskView& task);
void fillTask(const TaskView& task, ::Task::Builder builder);
TaskView readTask(::Task::Reader reader);

}  // namespace scaler::protocol
