// Encoding and decoding of TaskCancel.
#include "protocol/task_cancel.h"

#include "protocol/fields.h"
#include "protocol/frame_builder.h"
#include "protocol/frame_size.h"
#include "protocol/guarded.h"

namespace scaler::protocol {

std::size_t encodedSizeBytes(const TaskCancelView& cancel) {
    return FrameSize()
        .addStruct<::TaskCancel>()
        .addData(cancel.task_id.size())
        .addStruct<::TaskCancel::TaskCancelFlags>()
        .bytes();
}

void encode(const TaskCancelView& cancel, std::span<std::byte> out) {
    guarded("cannot encode a TaskCancel", [&] {
        FrameBuilder frame(out);
        auto builder = frame.message().initTaskCancel();
        builder.setTaskId(toData(cancel.task_id));
        builder.initFlags().setForce(cancel.force);
        frame.finish();
    });
}

TaskCancelView decodeTaskCancel(const FrameReader& frame) {
    frame.require(MessageKind::TASK_CANCEL);
    return guarded("malformed TaskCancel", [&] {
        const auto reader = frame.message().getTaskCancel();
        return TaskCancelView{fromData(reader.getTaskId()), reader.getFlags().getForce()};
    });
}

}  // namespace scaler::protocol
