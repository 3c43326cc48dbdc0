// What is left when memory runs out in the middle of a change: everything as before, or the change as a whole.
#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <string>

#include "object_storage/failing_allocation.h"
#include "object_storage/object_table.h"
#include "object_storage/waiting_requests.h"

namespace scaler::object_storage {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kSharingBoundBytes = 16;

ObjectId id(std::uint64_t owner, std::uint64_t number) { return ObjectId{{owner, 0, number, 0}}; }

// Runs a change with each of its allocations failing in turn, each time on something new.
template <typename Subject, typename Change, typename Check>
void failEach(const Subject& make, const Change& change, const Check& check) {
    bool has_failed = true;
    for (int successes = 0; has_failed; ++successes) {
        auto subject = make();
        bool has_thrown = false;
        {
            const FailingAllocation failing(successes);
            try {
                change(*subject);
            } catch (const std::bad_alloc&) {
                has_thrown = true;
            }
            has_failed = failing.hasFailed();
        }
        SCOPED_TRACE("allocation " + std::to_string(successes));
        EXPECT_TRUE(subject->check());
        check(*subject, has_thrown);
    }
}

std::unique_ptr<ObjectTable> makeTable() {
    auto table = std::make_unique<ObjectTable>(ObjectTable::Options{.sharing_bound_bytes = kSharingBoundBytes});
    table->set(id(1, 1), ymq::Bytes::copy(std::string_view("small")));
    table->set(id(1, 2), ymq::Bytes::copy(std::string(100'000, 'x')));
    return table;
}

void expectSet(const ObjectId& object, const std::string& content) {
    const std::string before(makeTable()->find(object) == nullptr ? "" : makeTable()->find(object)->view());
    failEach(
        makeTable, [&](ObjectTable& table) { table.set(object, ymq::Bytes::copy(content)); },
        [&](const ObjectTable& table, bool has_thrown) {
            const ymq::Bytes* const found = table.find(object);
            EXPECT_EQ(found == nullptr ? "" : found->view(), has_thrown ? before : content);
            if (has_thrown) {
                EXPECT_EQ(table.totals(), makeTable()->totals());
            }
        });
}

TEST(OutOfMemory, SetOfAnObjectOfANewOwnerIsUndone) {
    expectSet(id(2, 1), "other");
    expectSet(id(2, 1), std::string(kSharingBoundBytes + 1, 'y'));
}

TEST(OutOfMemory, SetOfAnotherObjectOfAnOwnerIsUndone) { expectSet(id(1, 3), "other"); }

TEST(OutOfMemory, SetOfASharedContentIsUndone) { expectSet(id(2, 1), "small"); }

TEST(OutOfMemory, ReplacingIsUndone) {
    expectSet(id(1, 1), "other");
    expectSet(id(1, 2), "other");
}

TEST(OutOfMemory, DuplicateIsUndone) {
    failEach(
        makeTable, [](ObjectTable& table) { table.duplicate(id(1, 1), id(2, 1)); },
        [](const ObjectTable& table, bool has_thrown) { EXPECT_EQ(table.find(id(2, 1)) == nullptr, has_thrown); });
}

TEST(OutOfMemory, ErasingNeedsNoMemory) {
    failEach(
        makeTable,
        [](ObjectTable& table) {
            table.erase(id(1, 2));
            table.eraseOwner(ownerOf(id(1, 1)));
        },
        [](const ObjectTable& table, bool has_thrown) {
            EXPECT_FALSE(has_thrown);
            EXPECT_EQ(table.totals(), ObjectTable::Totals());
        });
}

WaitingRequest request(ConnectionId connection, std::uint64_t object) {
    return {.connection = connection,
            .header = {.object_id = id(0, object), .type = RequestType::getObject},
            .awaited = id(0, object),
            .deadline = Time(milliseconds(object))};
}

std::unique_ptr<WaitingRequests> makeWaiting() {
    auto waiting = std::make_unique<WaitingRequests>(SipHashKey{});
    for (std::uint64_t object = 1; object <= 3; ++object) {
        waiting->add(request(1, object));
    }
    return waiting;
}

TEST(OutOfMemory, AddingAWaitingRequestIsUndone) {
    for (const auto& added : {request(1, 1), request(1, 9), request(2, 9)}) {
        failEach(
            makeWaiting, [&](WaitingRequests& waiting) { waiting.add(added); },
            [](WaitingRequests& waiting, bool has_thrown) {
                EXPECT_EQ(waiting.size(), has_thrown ? 3U : 4U);
                waiting.dropConnection(1);
                waiting.dropConnection(2);
                EXPECT_EQ(waiting.size(), 0U);
            });
    }
}

TEST(OutOfMemory, TakingWaitingRequestsNeedsNoMemory) {
    const auto check = [](const WaitingRequests& waiting, bool has_thrown) {
        EXPECT_FALSE(has_thrown);
        EXPECT_EQ(waiting.size(), 2U);
    };
    failEach(
        makeWaiting, [](WaitingRequests& waiting) { waiting.takeNextFor(id(0, 1)); }, check);
    failEach(
        makeWaiting, [](WaitingRequests& waiting) { waiting.takeNextExpired(Time(milliseconds(1))); }, check);
}

TEST(OutOfMemory, DroppingAConnectionNeedsNoMemory) {
    failEach(
        makeWaiting, [](WaitingRequests& waiting) { waiting.dropConnection(1); },
        [](const WaitingRequests& waiting, bool has_thrown) {
            EXPECT_FALSE(has_thrown);
            EXPECT_EQ(waiting.size(), 0U);
        });
}

}  // namespace
}  // namespace scaler::object_storage
