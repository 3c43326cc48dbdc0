// Encoding and decoding of TaskCancelConfirm.
#include "protocol/task_cancel_confirm.h"

#include "protocol/fields.h"
#include "protocol/frame_builder.h"
#include "protocol/frame_size.h"
#include "protocol/guarded.h"

namespace scaler::protocol {

std::size_t encodedSizeBytes(const TaskCancelConfirmView& confirm) {
    return FrameSize().addStruct<::TaskCancelConfirm>().addData(confirm.task_id.size()).bytes();
}

void encode(const TaskCancelConfirmView& confirm, std::span<std::byte> out) {
    guarded("cannot encode a TaskCancelConfirm", [&] {
        FrameBuilder frame(out);
        auto builder = frame.message().initTaskCancelConfirm();
        builder.setTaskId(toData(confirm.task_id));
        builder.setCancelConfirmType(static_cast<::TaskCancelConfirmType>(confirm.cancel_confirm_type));
        frame.finish();
    });
}

TaskCancelConfirmView decodeTaskCancelConfirm(const FrameReader& frame) {
    frame.require(MessageKind::TASK_CANCEL_CONFIRM);
    return guarded("malformed TaskCancelConfirm", [&] {
        const auto reader = frame.message().getTaskCancelConfirm();
        return TaskCancelConfirmView{fromData(reader.getTaskId()),
                                     static_cast<std::uint16_t>(reader.getCancelConfirmType())};
    });
}

}  // namespace scaler::protocol
