// Encoding and decoding of Task.
#include "protocol/task.h"

#include "protocol/fields.h"
#include "protocol/frame_builder.h"
#include "protocol/frame_size.h"
#include "protocol/guarded.h"
#include "protocol/task_fields.h"

namespace scaler::protocol {

namespace {

using Arguments = std::vector<ArgumentView>;

void addArguments(FrameSize& size, const Arguments& arguments) {
    size.addStructList<::Task::Argument>(arguments.size());
    for (const auto& argument : arguments) {
        size.addData(argument.data.size());
    }
}

void fillArguments(const Arguments& arguments, capnp::List<::Task::Argument>::Builder builder) {
    for (unsigned i = 0; i < arguments.size(); ++i) {
        builder[i].setType(static_cast<::Task::Argument::ArgumentType>(arguments[i].type));
        builder[i].setData(toData(arguments[i].data));
    }
}

Arguments readArguments(capnp::List<::Task::Argument>::Reader reader) {
    Arguments arguments;
    arguments.reserve(structs<::Task::Argument>(reader).size());
    for (const auto argument : reader) {
        arguments.push_back({static_cast<std::uint16_t>(argument.getType()), fromData(argument.getData())});
    }
    return arguments;
}

void fillSteps(const std::vector<StepView>& steps, capnp::List<::Task::Step>::Builder builder) {
    for (unsigned i = 0; i < steps.size(); ++i) {
        builder[i].setFuncObjectId(toData(steps[i].func_object_id));
        if (!steps[i].function_args.empty()) {
            fillArguments(steps[i].function_args,
                          builder[i].initFunctionArgs(static_cast<unsigned>(steps[i].function_args.size())));
        }
    }
}

void fillLists(const TaskView& task, ::Task::Builder builder) {
    if (!task.capabilities.empty()) {
        auto capabilities = builder.initCapabilities(static_cast<unsigned>(task.capabilities.size()));
        for (unsigned i = 0; i < task.capabilities.size(); ++i) {
            const auto& capability = task.capabilities[i];
            fillText(capabilities[i].initName(static_cast<unsigned>(capability.name.size())), capability.name);
            capabilities[i].setValue(capability.value);
        }
    }
    if (!task.keyword_names.empty()) {
        auto names = builder.initKeywordNames(static_cast<unsigned>(task.keyword_names.size()));
        for (unsigned i = 0; i < task.keyword_names.size(); ++i) {
            fillText(names.init(i, static_cast<unsigned>(task.keyword_names[i].size())), task.keyword_names[i]);
        }
    }
    // Arguments come last: they may be large, and the other fields stay together.
    if (!task.function_args.empty()) {
        fillArguments(task.function_args, builder.initFunctionArgs(static_cast<unsigned>(task.function_args.size())));
    }
    if (!task.steps.empty()) {
        fillSteps(task.steps, builder.initSteps(static_cast<unsigned>(task.steps.size())));
    }
}

void readRouting(::Task::Reader reader, TaskView& task) {
    task.task_id = fromData(reader.getTaskId());
    task.source = fromData(reader.getSource());
    task.func_object_id = fromData(reader.getFuncObjectId());
    task.attempt = reader.getAttempt();
    task.priority = reader.getPriority();
    task.level = reader.getLevel();
    task.deadline_milliseconds = reader.getDeadlineMilliseconds();
    if (reader.hasCapabilities()) {
        const auto capabilities = structs<::TaskCapability>(reader.getCapabilities());
        task.capabilities.reserve(capabilities.size());
        for (const auto capability : capabilities) {
            task.capabilities.push_back({fromText(capability.getName()), capability.getValue()});
        }
    }
}

void readLists(::Task::Reader reader, TaskView& task) {
    task.function_args = readArguments(reader.getFunctionArgs());
    const auto names = reader.getKeywordNames();
    task.keyword_names.reserve(names.size());
    for (const auto name : names) {
        task.keyword_names.push_back(fromText(name));
    }
    const auto steps = structs<::Task::Step>(reader.getSteps());
    task.steps.reserve(steps.size());
    for (const auto step : steps) {
        task.steps.push_back({fromData(step.getFuncObjectId()), readArguments(step.getFunctionArgs())});
    }
}

}  // namespace

void addTaskContent(FrameSize& size, const TaskView& task) {
    size.addData(task.task_id.size())
        .addData(task.source.size())
        .addData(task.metadata.size())
        .addData(task.func_object_id.size())
        .addData(task.retry_on.size())
        .addStructList<::TaskCapability>(task.capabilities.size())
        .addTextList(task.keyword_names)
        .addStructList<::Task::Step>(task.steps.size());
    addArguments(size, task.function_args);
    for (const auto& step : task.steps) {
        size.addData(step.func_object_id.size());
        addArguments(size, step.function_args);
    }
    for (const auto& capability : task.capabilities) {
        size.addText(capability.name.size());
    }
}

void fillTask(const TaskView& task, ::Task::Builder builder) {
    builder.setTaskId(toData(task.task_id));
    builder.setSource(toData(task.source));
    builder.setMetadata(toData(task.metadata));
    builder.setFuncObjectId(toData(task.func_object_id));
    builder.setAttempt(task.attempt);
    builder.setPriority(task.priority);
    builder.setDeadlineMilliseconds(task.deadline_milliseconds);
    builder.setTimeoutMilliseconds(task.timeout_milliseconds);
    builder.setRetries(task.retries);
    builder.setLevel(task.level);
    if (!task.retry_on.empty()) {
        builder.setRetryOn(toData(task.retry_on));
    }
    fillLists(task, builder);
}

TaskView readTask(::Task::Reader reader) {
    TaskView task;
    readRouting(reader, task);
    readLists(reader, task);
    task.metadata = fromData(reader.getMetadata());
    task.timeout_milliseconds = reader.getTimeoutMilliseconds();
    task.retries = reader.getRetries();
    task.retry_on = fromData(reader.getRetryOn());
    return task;
}

std::size_t encodedSizeBytes(const TaskView& task) {
    FrameSize size;
    size.addStruct<::Task>();
    addTaskContent(size, task);
    return size.bytes();
}

void encode(const TaskView& task, std::span<std::byte> out) {
    guarded("cannot encode a Task", [&] {
        FrameBuilder frame(out);
        fillTask(task, frame.message().initTask());
        frame.finish();
    });
}

TaskView decodeTask(const FrameReader& frame) {
    frame.require(MessageKind::TASK);
    return guarded("malformed Task", [&] { return readTask(frame.message().getTask()); });
}

TaskView peekTask(const FrameReader& frame) {
    frame.require(MessageKind::TASK);
    return guarded("malformed Task", [&] {
        TaskView task;
        readRouting(frame.message().getTask(), task);
        return task;
    });
}

}  // namespace scaler::protocol
