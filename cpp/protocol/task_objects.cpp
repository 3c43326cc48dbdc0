// Which objects a Task needs. Not beside its decoding: a second reader of the same lists there costs that inlining.
#include "protocol/fields.h"
#include "protocol/guarded.h"
#include "protocol/task.h"

namespace scaler::protocol {

namespace {

void addObjects(capnp::List<::Task::Argument>::Reader arguments, std::vector<std::string_view>& objects) {
    for (const auto argument : structs<::Task::Argument>(arguments)) {
        if (argument.getType() == ::Task::Argument::ArgumentType::OBJECT_I_D) {
            objects.push_back(fromData(argument.getData()));
        }
    }
}

}  // namespace

std::vector<std::string_view> objectsOfTask(const FrameReader& frame) {
    frame.require(MessageKind::TASK);
    return guarded("malformed Task", [&] {
        const auto task = frame.message().getTask();
        std::vector<std::string_view> objects{fromData(task.getFuncObjectId())};
        addObjects(task.getFunctionArgs(), objects);
        for (const auto step : structs<::Task::Step>(task.getSteps())) {
            objects.push_back(fromData(step.getFuncObjectId()));
            addObjects(step.getFunctionArgs(), objects);
        }
        return objects;
    });
}

}  // namespace scaler::protocol
