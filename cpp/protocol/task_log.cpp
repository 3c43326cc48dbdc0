// Encoding and decoding of TaskLog.
#include "protocol/task_log.h"

#include "protocol/fields.h"
#include "protocol/frame_builder.h"
#include "protocol/frame_size.h"
#include "protocol/guarded.h"

namespace scaler::protocol {

std::size_t encodedSizeBytes(const TaskLogView& log) {
    return FrameSize().addStruct<::TaskLog>().addData(log.task_id.size()).addText(log.content.size()).bytes();
}

void encode(const TaskLogView& log, std::span<std::byte> out) {
    guarded("cannot encode a TaskLog", [&] {
        FrameBuilder frame(out);
        auto builder = frame.message().initTaskLog();
        builder.setTaskId(toData(log.task_id));
        builder.setLogType(static_cast<::TaskLog::LogType>(log.log_type));
        fillText(builder.initContent(static_cast<unsigned>(log.content.size())), log.content);
        frame.finish();
    });
}

TaskLogView decodeTaskLog(const FrameReader& frame) {
    frame.require(MessageKind::TASK_LOG);
    return guarded("malformed TaskLog", [&] {
        const auto reader = frame.message().getTaskLog();
        return TaskLogView{fromData(reader.getTaskId()), static_cast<std::uint16_t>(reader.getLogType()),
                           fromText(reader.getContent())};
    });
}

}  // namespace scaler::protocol
