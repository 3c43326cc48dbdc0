#include "object_storage/object_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace scaler::object_storage {
namespace {

// Of one of four owners.
ObjectId id(std::uint64_t number) { return ObjectId{{number % 4, 0, number, 0}}; }

std::string text(const ObjectTable& table, const ObjectId& object) {
    const ymq::Bytes* const bytes = table.find(object);
    return bytes == nullptr ? "<none>" : std::string(bytes->view());
}

bool set(ObjectTable& table, std::uint64_t number, std::string_view content) {
    return table.set(id(number), ymq::Bytes::copy(content));
}

using Totals = ObjectTable::Totals;

TEST(ObjectTable, CountsIdsContentsAndBytes) {
    ObjectTable table({});
    EXPECT_EQ(table.totals(), (Totals{0, 0, 0}));
    set(table, 1, "payload");
    EXPECT_EQ(table.totals(), (Totals{1, 1, 7}));
    table.duplicate(id(1), id(2));
    EXPECT_EQ(table.totals(), (Totals{2, 1, 7}));
    EXPECT_TRUE(table.erase(id(1)));
    EXPECT_EQ(table.totals(), (Totals{1, 1, 7}));
    EXPECT_TRUE(table.erase(id(2)));
    EXPECT_EQ(table.totals(), (Totals{0, 0, 0}));
    EXPECT_TRUE(table.check());
}

// A content of this size that counts how many of its kind are left. Nobody reads it.
ymq::Bytes counted(std::size_t size_bytes, int& left) {
    ++left;
    return ymq::Bytes::external(
        nullptr, size_bytes, [](void* owner) noexcept { --*static_cast<int*>(owner); }, &left);
}

TEST(ObjectTable, ManyDroppedContentsAreFreedAFewAtATime) {
    constexpr std::size_t kSizeBytes = std::size_t{1} << 20U;
    constexpr int kCount = 20;
    int left = 0;
    ObjectTable table({});
    for (std::uint64_t number = 0; number < kCount; ++number) {
        table.set(id(4 * number), counted(kSizeBytes, left));
    }
    table.eraseOwner(ownerOf(id(0)));
    EXPECT_EQ(table.totals(), Totals());
    EXPECT_EQ(left, kCount);
    int turns = 0;
    while (table.hasDropped()) {
        const int before = left;
        table.freeSomeDropped();
        EXPECT_LE(before - left, 8);
        ++turns;
    }
    EXPECT_EQ(left, 0);
    EXPECT_EQ(turns, 3);
}

TEST(ObjectTable, OneLargeDroppedContentIsFreedAtOnce) {
    int left = 0;
    ObjectTable table({});
    table.set(id(1), counted(std::size_t{1} << 30U, left));
    table.erase(id(1));
    table.freeSomeDropped();
    EXPECT_EQ(left, 0);
}

TEST(ObjectTable, WhatIsDroppedIsFreedBeforeTheMemoryLimitIsExceeded) {
    constexpr std::size_t kSizeBytes = std::size_t{1} << 20U;
    int left = 0;
    ObjectTable table({.memory_limit_bytes = 4 * kSizeBytes});
    for (std::uint64_t number = 0; number < 20; ++number) {
        EXPECT_TRUE(table.set(id(1), counted(kSizeBytes, left)));
        EXPECT_LE(left, 4);
    }
}

TEST(ObjectTable, HoldsTheBufferItWasGiven) {
    ObjectTable table({});
    const ymq::Bytes bytes = ymq::Bytes::copy(std::string_view("payload"));
    table.set(id(1), bytes);
    EXPECT_EQ(table.find(id(1))->data(), bytes.data());
}

TEST(ObjectTable, SharesEqualSmallContents) {
    ObjectTable table({});
    set(table, 1, "same");
    set(table, 2, "same");
    EXPECT_EQ(table.totals(), (Totals{2, 1, 4}));
    EXPECT_EQ(table.find(id(1))->data(), table.find(id(2))->data());
    set(table, 1, "same");
    EXPECT_EQ(table.totals(), (Totals{2, 1, 4}));
    EXPECT_TRUE(table.check());
}

TEST(ObjectTable, DoesNotCompareContentsAboveTheBound) {
    ObjectTable table({.sharing_bound_bytes = 3});
    set(table, 1, "same");
    set(table, 2, "same");
    EXPECT_EQ(table.totals(), (Totals{2, 2, 8}));
    table.duplicate(id(1), id(3));
    EXPECT_EQ(table.totals(), (Totals{3, 2, 8}));
    EXPECT_TRUE(table.check());
}

TEST(ObjectTable, DuplicatesAreSnapshots) {
    ObjectTable table({});
    set(table, 1, "old");
    table.duplicate(id(1), id(2));
    set(table, 1, "new");
    EXPECT_EQ(text(table, id(2)), "old");
    table.duplicate(id(1), id(2));
    EXPECT_EQ(text(table, id(2)), "new");
    table.erase(id(1));
    EXPECT_EQ(text(table, id(2)), "new");
    EXPECT_TRUE(table.check());
}

TEST(ObjectTable, DuplicateOntoItselfChangesNothing) {
    ObjectTable table({});
    set(table, 1, "payload");
    EXPECT_TRUE(table.duplicate(id(1), id(1)));
    EXPECT_EQ(text(table, id(1)), "payload");
    EXPECT_EQ(table.totals(), (Totals{1, 1, 7}));
    EXPECT_TRUE(table.check());
}

TEST(ObjectTable, EmptyObjectsExist) {
    ObjectTable table({});
    set(table, 1, "");
    ASSERT_NE(table.find(id(1)), nullptr);
    EXPECT_EQ(table.find(id(1))->size(), 0U);
    EXPECT_EQ(table.totals(), (Totals{1, 1, 0}));
    table.set(id(2), ymq::Bytes());
    EXPECT_EQ(table.totals(), (Totals{2, 1, 0}));
}

TEST(ObjectTable, EraseTellsWhetherTheIdExisted) {
    ObjectTable table({});
    EXPECT_FALSE(table.erase(id(1)));
    set(table, 1, "payload");
    EXPECT_TRUE(table.erase(id(1)));
    EXPECT_FALSE(table.erase(id(1)));
    EXPECT_EQ(table.find(id(1)), nullptr);
}

TEST(ObjectTable, ErasesEverythingOfOneOwner) {
    ObjectTable table({});
    const auto of = [](std::uint64_t owner, std::uint64_t number) { return ObjectId{{owner, 5, number, 0}}; };
    EXPECT_FALSE(table.eraseOwner({1, 5}));
    for (std::uint64_t number = 0; number < 10; ++number) {
        table.set(of(1, number), ymq::Bytes::copy("mine " + std::to_string(number)));
        table.set(of(2, number), ymq::Bytes::copy("other " + std::to_string(number)));
    }
    table.duplicate(of(1, 3), of(2, 100));
    table.erase(of(1, 0));
    table.erase(of(1, 9));
    EXPECT_TRUE(table.eraseOwner({1, 5}));
    EXPECT_FALSE(table.eraseOwner({1, 5}));
    EXPECT_EQ(table.totals(), (Totals{11, 11, 10 * 7 + 6}));
    EXPECT_EQ(text(table, of(2, 100)), "mine 3");
    EXPECT_EQ(text(table, of(1, 3)), "<none>");
    EXPECT_TRUE(table.check());
    table.set(of(1, 3), ymq::Bytes::copy(std::string_view("again")));
    EXPECT_TRUE(table.eraseOwner({1, 5}));
    EXPECT_TRUE(table.eraseOwner({2, 5}));
    EXPECT_EQ(table.totals(), (Totals{0, 0, 0}));
    EXPECT_TRUE(table.check());
}

class FullTable : public testing::Test {
protected:
    // Room for two ids and 100 bytes.
    ObjectTable table_{{.memory_limit_bytes = 2 * ObjectTable::kBytesPerId + 100, .sharing_bound_bytes = 10}};
};

TEST_F(FullTable, RefusesWhatDoesNotFitAndKeepsWhatIsThere) {
    EXPECT_TRUE(set(table_, 1, std::string(60, 'a')));
    EXPECT_FALSE(set(table_, 2, std::string(41, 'b')));
    EXPECT_FALSE(set(table_, 1, std::string(261, 'b')));
    EXPECT_EQ(text(table_, id(1)), std::string(60, 'a'));
    EXPECT_TRUE(set(table_, 2, std::string(40, 'b')));
    EXPECT_FALSE(set(table_, 3, ""));
    EXPECT_FALSE(table_.duplicate(id(1), id(3)));
    EXPECT_EQ(table_.totals(), (Totals{2, 2, 100}));
    EXPECT_TRUE(table_.check());
}

TEST_F(FullTable, ReplacingCountsWhatItFrees) {
    EXPECT_TRUE(set(table_, 1, std::string(100, 'a')));
    EXPECT_TRUE(set(table_, 2, ""));
    EXPECT_TRUE(set(table_, 1, std::string(100, 'b')));
    EXPECT_FALSE(set(table_, 1, std::string(101, 'c')));
    EXPECT_EQ(text(table_, id(1)), std::string(100, 'b'));
    EXPECT_TRUE(table_.check());
}

TEST_F(FullTable, ReplacingOneOfTwoNamesFreesNothing) {
    EXPECT_TRUE(set(table_, 1, std::string(60, 'a')));
    EXPECT_TRUE(table_.duplicate(id(1), id(2)));
    EXPECT_FALSE(set(table_, 1, std::string(60, 'b')));
    EXPECT_TRUE(set(table_, 1, std::string(40, 'b')));
    EXPECT_TRUE(table_.check());
}

TEST_F(FullTable, HasRoomAgainAfterErase) {
    EXPECT_TRUE(set(table_, 1, std::string(100, 'a')));
    EXPECT_FALSE(set(table_, 2, "b"));
    table_.erase(id(1));
    EXPECT_TRUE(set(table_, 2, "b"));
    EXPECT_TRUE(table_.canEverHold(100 + ObjectTable::kBytesPerId));
    EXPECT_FALSE(table_.canEverHold(101 + ObjectTable::kBytesPerId));
}

// Random operations against a plain map of strings.
TEST(ObjectTable, AgreesWithAModel) {
    std::mt19937_64 random(20240611);
    ObjectTable table({.sharing_bound_bytes = 4, .hash_key = {random(), random()}});
    std::map<std::uint64_t, std::string> model;
    for (int step = 0; step < 20'000; ++step) {
        const std::uint64_t first = random() % 12;
        const std::uint64_t second = random() % 12;
        switch (random() % 4) {
            case 0: {
                const std::string content(random() % 8, static_cast<char>('a' + random() % 2));
                set(table, first, content);
                model[first] = content;
                break;
            }
            case 1:
                EXPECT_EQ(table.erase(id(first)), model.erase(first) == 1);
                break;
            case 2:
                if (random() % 8 == 0) {
                    const auto is_owned = [&](const auto& entry) { return entry.first % 4 == first % 4; };
                    EXPECT_EQ(table.eraseOwner(ownerOf(id(first))), std::erase_if(model, is_owned) > 0);
                }
                break;
            default:
                if (model.contains(first)) {
                    table.duplicate(id(first), id(second));
                    model[second] = model[first];
                }
        }
        ASSERT_TRUE(table.check()) << step;
        ASSERT_EQ(table.totals().ids, model.size());
    }
    for (const auto& [number, content] : model) {
        EXPECT_EQ(text(table, id(number)), content);
    }
}

}  // namespace
}  // namespace scaler::object_storage
