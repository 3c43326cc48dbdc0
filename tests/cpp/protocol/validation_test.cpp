// Messages of any kind are read to their last field.
#include "protocol/validation.h"

#include <capnp/serialize.h>
#include <gtest/gtest.h>

#include "message.capnp.h"
#include "protocol/codec_error.h"
#include "protocol/encoding.h"
#include "protocol/task_log.h"

namespace scaler::protocol {
namespace {

void validateBuilt(capnp::MessageBuilder& builder) {
    const auto words = capnp::messageToFlatArray(builder);
    const FrameReader reader(std::as_bytes(std::span(words.begin(), words.size())));
    validate(reader);
}

TEST(Validation, AcceptsTheDeepestMessage) {
    capnp::MallocMessageBuilder builder;
    auto state = builder.initRoot<::Message>().initStateScheduler();
    auto worker = state.initWorkerManager().initWorkers(1)[0];
    worker.initProcessorStatuses(2)[1].initResource().setRss(1);
    EXPECT_NO_THROW(validateBuilt(builder));
}

TEST(Validation, AcceptsSeveralSegments) {
    capnp::MallocMessageBuilder builder(4, capnp::AllocationStrategy::FIXED_SIZE);
    auto graph = builder.initRoot<::Message>().initGraphTask();
    auto tasks = graph.initGraph(3);
    for (auto task : tasks) {
        task.initFunctionArgs(2)[0].initData(100);
    }
    EXPECT_GT(builder.getSegmentsForOutput().size(), 1U);
    EXPECT_NO_THROW(validateBuilt(builder));
}

TEST(Validation, RefusesUnknownKinds) {
    capnp::MallocMessageBuilder builder;
    builder.initRoot<::Message>().initProcessorInitialized();
    auto words = capnp::messageToFlatArray(builder);
    reinterpret_cast<std::uint16_t*>(words.begin() + 2)[0] = 999;
    const FrameReader reader(std::as_bytes(std::span(words.begin(), words.size())));
    EXPECT_THROW(validate(reader), CodecError);
}

TEST(Validation, RefusesTextThatIsNotUtf8) {
    Encoded good(TaskLogView{"id", 0, "gr\xC3\xBC\xC3\x9F"});
    EXPECT_NO_THROW(validate(FrameReader(good.bytes())));
    Encoded bad(TaskLogView{"id", 0, "gr\xFC\xDF"});
    EXPECT_THROW(validate(FrameReader(bad.bytes())), CodecError);
}

}  // namespace
}  // namespace scaler::protocol
