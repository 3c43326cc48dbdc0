// Compares the views that the codec decodes into, field by field.
#pragma once

#include <algorithm>
#include <tuple>

#include "protocol/graph_task.h"
#include "protocol/object_instruction.h"
#include "protocol/processor_initialized.h"
#include "protocol/task.h"
#include "protocol/task_cancel.h"
#include "protocol/task_cancel_confirm.h"
#include "protocol/task_log.h"
#include "protocol/task_result.h"

namespace scaler::fuzz {

inline bool same(const protocol::TaskView& left, const protocol::TaskView& right) {
    const auto plain = [](const protocol::TaskView& task) {
        return std::tie(task.task_id, task.source, task.metadata, task.func_object_id, task.attempt, task.priority,
                        task.deadline_milliseconds, task.timeout_milliseconds, task.retries, task.level,
                        task.keyword_names, task.retry_on);
    };
    const auto same_argument = [](const protocol::ArgumentView& one, const protocol::ArgumentView& other) {
        return one.type == other.type && one.data == other.data;
    };
    const auto same_capability = [](const protocol::CapabilityView& one, const protocol::CapabilityView& other) {
        return one.name == other.name && one.value == other.value;
    };
    const auto same_step = [&](const protocol::StepView& one, const protocol::StepView& other) {
        return one.func_object_id == other.func_object_id &&
               std::ranges::equal(one.function_args, other.function_args, same_argument);
    };
    return plain(left) == plain(right) && std::ranges::equal(left.function_args, right.function_args, same_argument) &&
           std::ranges::equal(left.capabilities, right.capabilities, same_capability) &&
           std::ranges::equal(left.steps, right.steps, same_step);
}

inline bool same(const protocol::GraphTaskView& left, const protocol::GraphTaskView& right) {
    const auto plain = [](const protocol::GraphTaskView& graph) {
        return std::tie(graph.task_id, graph.source, graph.targets, graph.more);
    };
    const auto same_task = [](const protocol::TaskView& one, const protocol::TaskView& other) {
        return same(one, other);
    };
    return plain(left) == plain(right) && std::ranges::equal(left.graph, right.graph, same_task);
}

// Whether a look at a task tells what its decoding does, as far as it goes.
inline bool sameRouting(const protocol::TaskView& peeked, protocol::TaskView decoded) {
    decoded.metadata = {};
    decoded.function_args.clear();
    decoded.timeout_milliseconds = decoded.retries = 0;
    decoded.retry_on = {};
    decoded.keyword_names.clear();
    decoded.steps.clear();
    return same(peeked, decoded);
}

inline bool same(const protocol::TaskResultView& left, const protocol::TaskResultView& right) {
    const auto plain = [](const protocol::TaskResultView& result) {
        return std::tie(result.task_id, result.result_type, result.metadata, result.results, result.attempt,
                        result.cause, result.value);
    };
    return plain(left) == plain(right);
}

inline bool same(const protocol::TaskLogView& left, const protocol::TaskLogView& right) {
    return left.task_id == right.task_id && left.log_type == right.log_type && left.content == right.content;
}

inline bool same(const protocol::TaskCancelView& left, const protocol::TaskCancelView& right) {
    return left.task_id == right.task_id && left.force == right.force;
}

inline bool same(const protocol::TaskCancelConfirmView& left, const protocol::TaskCancelConfirmView& right) {
    return left.task_id == right.task_id && left.cancel_confirm_type == right.cancel_confirm_type;
}

inline bool same(const protocol::ObjectInstructionView& left, const protocol::ObjectInstructionView& right) {
    const auto plain = [](const protocol::ObjectInstructionView& instruction) {
        return std::tie(instruction.instruction_type, instruction.object_user, instruction.object_ids,
                        instruction.object_types, instruction.object_names);
    };
    return plain(left) == plain(right);
}

}  // namespace scaler::fuzz
