// Task and its arguments.
#include "bindings/codec_task.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>

#include "bindings/codec_bindings.h"
#include "bindings/codec_values.h"

using namespace nanobind::literals;

namespace scaler::bindings {

namespace {

constexpr const char* kArgumentFields[] = {"type", "data"};
constexpr const char* kStepFields[] = {"func_object_id", "function_args"};
constexpr const char* kTaskFields[] = {"task_id",
                                       "source",
                                       "metadata",
                                       "func_object_id",
                                       "function_args",
                                       "capabilities",
                                       "attempt",
                                       "priority",
                                       "deadline_milliseconds",
                                       "timeout_milliseconds",
                                       "retries",
                                       "level",
                                       "keyword_names",
                                       "steps",
                                       "retry_on"};

std::map<std::string, std::int64_t> capabilitiesOf(nb::handle capabilities) {
    std::map<std::string, std::int64_t> result;
    if (!capabilities.is_none()) {
        for (const auto [name, value] : typed<nb::dict>("capabilities", capabilities)) {
            result.emplace(viewOf(typed<nb::str>("capabilities", name)),
                           fitting<std::int64_t>("capabilities", typed<nb::int_>("capabilities", value)));
        }
    }
    return result;
}

nb::dict toDict(const std::map<std::string, std::int64_t>& capabilities) {
    nb::dict result;
    for (const auto& [name, value] : capabilities) {
        result[toText(name)] = value;
    }
    return result;
}

std::vector<std::string> namesOf(nb::handle sequence) {
    std::vector<std::string> names;
    for (const auto name : sequence) {
        names.emplace_back(viewOf(typed<nb::str>("keyword_names", name)));
    }
    return names;
}

std::vector<protocol::ArgumentView> viewsOf(const std::vector<Argument>& arguments) {
    std::vector<protocol::ArgumentView> views;
    views.reserve(arguments.size());
    for (const auto& argument : arguments) {
        views.push_back({argument.type, viewOf(argument.data)});
    }
    return views;
}

std::vector<Argument> toArguments(const std::vector<protocol::ArgumentView>& views) {
    std::vector<Argument> arguments;
    arguments.reserve(views.size());
    for (const auto& view : views) {
        arguments.push_back({view.type, toBytes(view.data)});
    }
    return arguments;
}

void construct(Task* self, nb::bytes task_id, nb::bytes source, nb::bytes func_object_id,
               std::vector<Argument> function_args, nb::bytes metadata, nb::handle capabilities, nb::int_ attempt,
               nb::int_ priority, nb::int_ deadline, nb::int_ timeout, nb::int_ retries, nb::int_ level,
               nb::handle keyword_names, std::vector<Step> steps, nb::bytes retry_on) {
    new (self) Task{std::move(task_id),
                    std::move(source),
                    std::move(metadata),
                    std::move(func_object_id),
                    std::move(function_args),
                    capabilitiesOf(capabilities),
                    fitting<std::uint32_t>("attempt", attempt),
                    fitting<std::int32_t>("priority", priority),
                    fitting<std::uint32_t>("deadline_milliseconds", deadline),
                    fitting<std::uint32_t>("timeout_milliseconds", timeout),
                    fitting<std::uint32_t>("retries", retries),
                    fitting<std::uint32_t>("level", level),
                    namesOf(keyword_names),
                    std::move(steps),
                    std::move(retry_on)};
}

nb::tuple peekTask(nb::handle object) {
    const FrameBuffer buffer(object);
    const protocol::FrameReader frame(buffer.bytes());
    const auto task = protocol::peekTask(frame);
    nb::object capabilities = nb::none();
    if (!task.capabilities.empty()) {
        nb::dict values;
        for (const auto& capability : task.capabilities) {
            values[toText(capability.name)] = capability.value;
        }
        capabilities = std::move(values);
    }
    return nb::make_tuple(toBytes(task.task_id), toBytes(task.source), toBytes(task.func_object_id), task.priority,
                          std::move(capabilities), task.attempt, task.level, task.deadline_milliseconds);
}

nb::list objectsOfTask(nb::handle object) {
    const FrameBuffer buffer(object);
    const protocol::FrameReader frame(buffer.bytes());
    nb::list objects;
    for (const auto object_id : protocol::objectsOfTask(frame)) {
        objects.append(toBytes(object_id));
    }
    return objects;
}

nb::bytes withAttempt(nb::handle object, nb::int_ attempt) {
    const FrameBuffer buffer(object);
    const protocol::FrameReader frame(buffer.bytes());
    auto task = protocol::decodeTask(frame);
    task.attempt = fitting<std::uint32_t>("attempt", attempt);
    return encodeView(task);
}

void defineArgument(nb::module_& module) {
    nb::class_<Argument> type(module, "Argument", nb::is_final());
    type.def(
            "__init__",
            [](Argument* self, nb::int_ kind, nb::handle data) {
                new (self) Argument{fitting<std::uint16_t>("type", kind), bytesOf(data)};
            },
            "type"_a, "data"_a)
        .def_ro("type", &Argument::type)
        .def_ro("data", &Argument::data);
    defineValue(type, kArgumentFields);
}

void defineStep(nb::module_& module) {
    nb::class_<Step> type(module, "Step", nb::is_final());
    type.def(
            "__init__",
            [](Step* self, nb::bytes func_object_id, std::vector<Argument> function_args) {
                new (self) Step{std::move(func_object_id), std::move(function_args)};
            },
            "func_object_id"_a, "function_args"_a = nb::tuple())
        .def_ro("func_object_id", &Step::func_object_id)
        .def_prop_ro("function_args", [](const Step& step) { return toList(step.function_args); });
    defineValue(type, kStepFields);
}

}  // namespace

protocol::TaskView toView(const Task& task) {
    protocol::TaskView view{viewOf(task.task_id),
                            viewOf(task.source),
                            viewOf(task.metadata),
                            viewOf(task.func_object_id),
                            {},
                            {},
                            task.attempt,
                            task.priority,
                            task.deadline_milliseconds,
                            task.timeout_milliseconds,
                            task.retries,
                            task.level,
                            {task.keyword_names.begin(), task.keyword_names.end()},
                            {},
                            viewOf(task.retry_on)};
    view.function_args = viewsOf(task.function_args);
    view.steps.reserve(task.steps.size());
    for (const auto& step : task.steps) {
        view.steps.push_back({viewOf(step.func_object_id), viewsOf(step.function_args)});
    }
    for (const auto& [name, value] : task.capabilities) {
        view.capabilities.push_back({name, value});
    }
    return view;
}

Task toTask(const protocol::TaskView& view) {
    Task task{toBytes(view.task_id),
              toBytes(view.source),
              toBytes(view.metadata),
              toBytes(view.func_object_id),
              {},
              {},
              view.attempt,
              view.priority,
              view.deadline_milliseconds,
              view.timeout_milliseconds,
              view.retries,
              view.level,
              {},
              {},
              toBytes(view.retry_on)};
    task.function_args = toArguments(view.function_args);
    task.steps.reserve(view.steps.size());
    for (const auto& step : view.steps) {
        task.steps.push_back({toBytes(step.func_object_id), toArguments(step.function_args)});
    }
    for (const auto& capability : view.capabilities) {
        task.capabilities.emplace(viewOf(toText(capability.name)), capability.value);
    }
    for (const auto name : view.keyword_names) {
        task.keyword_names.emplace_back(viewOf(toText(name)));
    }
    return task;
}

void defineTask(nb::module_& module) {
    defineArgument(module);
    defineStep(module);
    nb::class_<Task> type(module, "Task", nb::is_final());
    type.def("__init__", &construct, nb::kw_only(), "task_id"_a, "source"_a, "func_object_id"_a,
             "function_args"_a = nb::tuple(), "metadata"_a = nb::bytes("", 0), "capabilities"_a = nb::none(),
             "attempt"_a = 0, "priority"_a = 0, "deadline_milliseconds"_a = 0, "timeout_milliseconds"_a = 0,
             "retries"_a = 0, "level"_a = 0, "keyword_names"_a = nb::tuple(), "steps"_a = nb::tuple(),
             "retry_on"_a = nb::bytes("", 0))
        .def_ro("task_id", &Task::task_id)
        .def_ro("source", &Task::source)
        .def_ro("metadata", &Task::metadata)
        .def_ro("func_object_id", &Task::func_object_id)
        .def_prop_ro("function_args", [](const Task& task) { return toList(task.function_args); })
        .def_prop_ro("capabilities", [](const Task& task) { return toDict(task.capabilities); })
        .def_ro("attempt", &Task::attempt)
        .def_ro("priority", &Task::priority)
        .def_ro("deadline_milliseconds", &Task::deadline_milliseconds)
        .def_ro("timeout_milliseconds", &Task::timeout_milliseconds)
        .def_ro("retries", &Task::retries)
        .def_ro("level", &Task::level)
        .def_prop_ro("keyword_names", [](const Task& task) { return toList(task.keyword_names); })
        .def_ro("retry_on", &Task::retry_on)
        .def_prop_ro("steps", [](const Task& task) { return toList(task.steps); })
        .def("encode", [](const Task& task) { return encodeView(toView(task)); });
    defineValue(type, kTaskFields);
    module.def("peek_task", &peekTask, "frame"_a);
    module.def("objects_of_task", &objectsOfTask, "frame"_a);
    module.def("with_attempt", &withAttempt, "frame"_a, "attempt"_a);
}

nb::object decodeTaskObject(const protocol::FrameReader& frame) {
    return nb::cast(toTask(protocol::decodeTask(frame)));
}

}  // namespace scaler::bindings
