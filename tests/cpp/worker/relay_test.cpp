// The relay: what it passes, what closes it, and what the agent learns then.
#include "worker/relay.h"

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "protocol/encoding.h"
#include "protocol/task.h"
#include "protocol/task_cancel.h"
#include "protocol/task_result.h"

namespace {

using scaler::protocol::Encoded;
using scaler::worker::Relay;
using scaler::worker::SlotState;
using scaler::worker::TaskGate;
using scaler::ymq::Bytes;
using scaler::ymq::ErrorCode;
using scaler::ymq::PeerEvent;
using scaler::ymq::PeerName;
using scaler::ymq::Received;

// A socket without a network.
class Wire final : public scaler::ymq::Port {
public:
    explicit Wire(const void* loop) : loop_(loop) {}

    void setFilter(std::shared_ptr<scaler::ymq::InboundFilter> filter) override { filter_ = std::move(filter); }
    bool hasItems() override {
        if (when_asked) when_asked();
        return has_items;
    }
    ErrorCode sendBytes(std::optional<std::string_view> address, Bytes payload, std::uint64_t) override {
        if (code == ErrorCode::uninit) sent.emplace_back(address.value_or(""), payload.view());
        return code;
    }
    const void* loopIdentity() const noexcept override { return loop_; }

    bool receives(std::vector<Received> items) { return filter_->takes(*this, items); }
    bool receives(Received item) { return filter_->takes(*this, std::span(&item, 1)); }

    std::vector<std::pair<std::string, std::string>> sent{};
    ErrorCode code{ErrorCode::uninit};
    bool has_items{false};
    std::function<void()> when_asked{};

private:
    const void* loop_;
    std::shared_ptr<scaler::ymq::InboundFilter> filter_{};
};

Bytes bytesOf(Encoded encoded) { return Bytes::copy(encoded.bytes()); }

Bytes task(std::string_view id) {
    scaler::protocol::TaskView view;
    view.task_id = id;
    view.source = "client";
    view.func_object_id = "function";
    return bytesOf(Encoded(view));
}

Bytes result(std::string_view id) {
    scaler::protocol::TaskResultView view;
    view.task_id = id;
    return bytesOf(Encoded(view));
}

Bytes cancel(std::string_view id) {
    scaler::protocol::TaskCancelView view;
    view.task_id = id;
    return bytesOf(Encoded(view));
}

Received from(std::string peer, Bytes frame) {
    return Received::message(std::make_shared<PeerName>(std::move(peer)), std::move(frame));
}

class RelayTest : public testing::Test {
protected:
    void start() { ASSERT_TRUE(relay_->open("processor", gate_, 5)); }

    const int loop_{0};
    std::shared_ptr<Wire> scheduler_ = std::make_shared<Wire>(&loop_);
    std::shared_ptr<Wire> processors_ = std::make_shared<Wire>(&loop_);
    std::shared_ptr<Relay> relay_ = Relay::connect(scheduler_, processors_);
    TaskGate gate_ = TaskGate::create(4);
};

TEST_F(RelayTest, PassesATaskAndItsResult) {
    start();
    ASSERT_TRUE(scheduler_->receives(from("scheduler", task("a"))));
    ASSERT_EQ(processors_->sent.size(), 1U);
    EXPECT_EQ(processors_->sent[0].first, "processor");
    EXPECT_EQ(processors_->sent[0].second, task("a").view());
    EXPECT_EQ(gate_.state(5), SlotState::fed);
    ASSERT_TRUE(gate_.tryStart(5));
    gate_.finish(5);
    ASSERT_TRUE(processors_->receives(from("processor", result("a"))));
    ASSERT_EQ(scheduler_->sent.size(), 1U);
    EXPECT_EQ(scheduler_->sent[0].second, result("a").view());
    EXPECT_EQ(gate_.state(5), SlotState::free);

    EXPECT_TRUE(scheduler_->receives(from("scheduler", task("b"))));
    EXPECT_EQ(gate_.state(6), SlotState::fed);
    const Relay::Passed passed = relay_->close();
    EXPECT_EQ(passed.ended_tasks, 1U);
    ASSERT_TRUE(passed.running);
    EXPECT_EQ(passed.running->frame.view(), task("b").view());
    EXPECT_TRUE(passed.running->is_delivered);
}

TEST_F(RelayTest, PassesNothingWhileItIsClosed) {
    EXPECT_FALSE(scheduler_->receives(from("scheduler", task("a"))));
    start();
    EXPECT_EQ(relay_->close().ended_tasks, 0U);
    EXPECT_FALSE(relay_->close().running);
    EXPECT_FALSE(scheduler_->receives(from("scheduler", task("a"))));
    EXPECT_TRUE(processors_->sent.empty());
}

TEST_F(RelayTest, StaysClosedWhileSomethingWaitsForTheAgent) {
    scheduler_->has_items = true;
    EXPECT_FALSE(relay_->open("processor", gate_, 0));
    scheduler_->has_items = false;
    processors_->has_items = true;
    EXPECT_FALSE(relay_->open("processor", gate_, 0));
    EXPECT_FALSE(scheduler_->receives(from("scheduler", task("a"))));
    processors_->has_items = false;
    EXPECT_TRUE(relay_->open("processor", gate_, 0));
}

TEST_F(RelayTest, StaysClosedWhenSomethingArrivesWhileItOpens) {
    processors_->when_asked = [&] { EXPECT_FALSE(scheduler_->receives(from("scheduler", task("a")))); };
    EXPECT_FALSE(relay_->open("processor", gate_, 0));
    EXPECT_FALSE(scheduler_->receives(from("scheduler", task("b"))));
}

TEST_F(RelayTest, MustBeClosedBeforeItIsOpened) {
    start();
    EXPECT_THROW(relay_->open("processor", gate_, 0), std::logic_error);
}

TEST_F(RelayTest, LeavesToTheAgentWhateverIsNotASingleTask) {
    const auto peer = std::make_shared<PeerName>("scheduler");
    const std::vector<std::vector<Received>> others = {
        {from("scheduler", task("a")), from("scheduler", task("b"))},
        {from("scheduler", cancel("a"))},
        {from("scheduler", result("a"))},
        {from("scheduler", Bytes::copy(std::string_view("no message")))},
        {from("scheduler", Bytes())},
        {Received::occurrence(peer, PeerEvent::lost)},
    };
    for (const std::vector<Received>& items : others) {
        start();
        EXPECT_FALSE(scheduler_->receives(items));
        EXPECT_FALSE(scheduler_->receives(from("scheduler", task("c")))) << "it is open";
        EXPECT_FALSE(relay_->close().running);
    }
    start();
    EXPECT_FALSE(processors_->receives(from("processor", task("a"))));
    EXPECT_TRUE(processors_->sent.empty());
    EXPECT_TRUE(scheduler_->sent.empty());
}

TEST_F(RelayTest, TellsWhatIsUnderWayWhenAnythingElseComes) {
    const std::vector<std::pair<std::shared_ptr<Wire>, Received>> others = {
        {scheduler_, from("scheduler", task("b"))},
        {scheduler_, from("scheduler", cancel("a"))},
        {processors_, from("processor", result("b"))},
        {processors_, from("another", result("a"))},
        {processors_, from("processor", cancel("a"))},
        {processors_, Received::occurrence(std::make_shared<PeerName>("processor"), PeerEvent::lost)},
    };
    for (const auto& [wire, item] : others) {
        gate_ = TaskGate::create(4);
        start();
        ASSERT_TRUE(scheduler_->receives(from("scheduler", task("a"))));
        EXPECT_FALSE(wire->receives(item));
        EXPECT_FALSE(processors_->receives(from("processor", result("a")))) << "it is open";
        const Relay::Passed passed = relay_->close();
        EXPECT_EQ(passed.ended_tasks, 0U);
        ASSERT_TRUE(passed.running);
        EXPECT_EQ(passed.running->frame.view(), task("a").view());
        EXPECT_EQ(gate_.state(5), SlotState::fed);
    }
    EXPECT_TRUE(scheduler_->sent.empty());
}

TEST_F(RelayTest, TellsOfATaskThatCouldNotBeSent) {
    start();
    processors_->code = ErrorCode::peerUnknown;
    EXPECT_TRUE(scheduler_->receives(from("scheduler", task("a"))));
    EXPECT_FALSE(scheduler_->receives(from("scheduler", task("b"))));
    const Relay::Passed passed = relay_->close();
    ASSERT_TRUE(passed.running);
    EXPECT_EQ(passed.running->frame.view(), task("a").view());
    EXPECT_FALSE(passed.running->is_delivered);
}

TEST_F(RelayTest, LeavesAResultToTheAgentThatTheSchedulerDoesNotTake) {
    start();
    ASSERT_TRUE(scheduler_->receives(from("scheduler", task("a"))));
    ASSERT_TRUE(gate_.tryStart(5));
    scheduler_->code = ErrorCode::peerQueueFull;
    EXPECT_FALSE(processors_->receives(from("processor", result("a"))));
    const Relay::Passed passed = relay_->close();
    EXPECT_EQ(passed.ended_tasks, 0U);
    EXPECT_TRUE(passed.running);
    EXPECT_EQ(gate_.state(5), SlotState::started);
}

TEST_F(RelayTest, LeavesATaskToTheAgentWhenItsSlotIsTaken) {
    ASSERT_TRUE(gate_.feed(5));
    start();
    EXPECT_FALSE(scheduler_->receives(from("scheduler", task("a"))));
    EXPECT_FALSE(relay_->close().running);
    EXPECT_TRUE(processors_->sent.empty());
}

TEST_F(RelayTest, StaysClosedWhenASocketHasGone) {
    scheduler_.reset();
    EXPECT_FALSE(relay_->open("processor", gate_, 0));
}

TEST(Relay, NeedsSocketsOfOneLoop) {
    const int loops[2] = {};
    EXPECT_EQ(Relay::connect(std::make_shared<Wire>(&loops[0]), std::make_shared<Wire>(&loops[1])), nullptr);
}

}  // namespace
