// Encoding and decoding of TaskResult.
#include "protocol/task_result.h"

#include "protocol/fields.h"
#include "protocol/frame_builder.h"
#include "protocol/frame_size.h"
#include "protocol/guarded.h"

namespace scaler::protocol {

namespace {

TaskResultView readRouting(::TaskResult::Reader reader) {
    TaskResultView result;
    result.task_id = fromData(reader.getTaskId());
    result.result_type = static_cast<std::uint16_t>(reader.getResultType());
    result.metadata = fromData(reader.getMetadata());
    result.results = fromDataList(reader.getResults());
    result.attempt = reader.getAttempt();
    result.cause = static_cast<std::uint16_t>(reader.getCause());
    return result;
}

}  // namespace

std::size_t encodedSizeBytes(const TaskResultView& result) {
    FrameSize size;
    size.addStruct<::TaskResult>()
        .addData(result.task_id.size())
        .addData(result.metadata.size())
        .addDataList(result.results);
    if (result.value) {
        size.addData(result.value->size());
    }
    return size.bytes();
}

void encode(const TaskResultView& result, std::span<std::byte> out) {
    guarded("cannot encode a TaskResult", [&] {
        FrameBuilder frame(out);
        auto builder = frame.message().initTaskResult();
        builder.setTaskId(toData(result.task_id));
        builder.setResultType(static_cast<::TaskResultType>(result.result_type));
        builder.setMetadata(toData(result.metadata));
        builder.setAttempt(result.attempt);
        builder.setCause(static_cast<::TaskEndCause>(result.cause));
        if (!result.results.empty()) {
            fillDataList(builder.initResults(static_cast<unsigned>(result.results.size())), result.results);
        }
        if (result.value) {
            builder.setValue(toData(*result.value));
        }
        frame.finish();
    });
}

TaskResultView decodeTaskResult(const FrameReader& frame) {
    frame.require(MessageKind::TASK_RESULT);
    return guarded("malformed TaskResult", [&] {
        const auto reader = frame.message().getTaskResult();
        auto result = readRouting(reader);
        if (reader.hasValue()) {
            result.value = fromData(reader.getValue());
        }
        return result;
    });
}

TaskResultView peekTaskResult(const FrameReader& frame) {
    frame.require(MessageKind::TASK_RESULT);
    return guarded("malformed TaskResult", [&] { return readRouting(frame.message().getTaskResult()); });
}

}  // namespace scaler::protocol
