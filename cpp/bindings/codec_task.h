// A task as a Python value, which a graph holds many of.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bindings/codec_values.h"
#include "protocol/task.h"

namespace scaler::bindings {

struct Argument {
    std::uint16_t type = 0;
    nb::bytes data;
};

struct Step {
    nb::bytes func_object_id;
    std::vector<Argument> function_args;
};

struct Task {
    nb::bytes task_id;
    nb::bytes source;
    nb::bytes metadata;
    nb::bytes func_object_id;
    std::vector<Argument> function_args;
    std::map<std::string, std::int64_t> capabilities;
    std::uint32_t attempt = 0;
    std::int32_t priority = 0;
    std::uint32_t deadline_milliseconds = 0;
    std::uint32_t timeout_milliseconds = 0;
    std::uint32_t retries = 0;
    std::uint32_t level = 0;
    std::vector<std::string> keyword_names;
    std::vector<Step> steps;
    nb::bytes retry_on;
};

// The view lives as long as the task does.
protocol::TaskView toView(const Task& task);
Task toTask(const protocol::TaskView& view);

}  // namespace scaler::bindings
