#include "ymq/bytes.h"

#include <gtest/gtest.h>

#include <string>

namespace scaler::ymq {

TEST(Bytes, NullAndEmptyDiffer) {
    EXPECT_TRUE(Bytes().isNull());
    EXPECT_FALSE(Bytes::copy(std::string_view("")).isNull());
    EXPECT_TRUE(Bytes::copy(std::string_view("")).empty());
}

TEST(Bytes, AllocatedMemoryIsAligned) {
    std::byte* memory = nullptr;
    const Bytes bytes = Bytes::allocate(7, memory);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % 16, 0U);
    EXPECT_EQ(bytes.size(), 7U);
}

TEST(Bytes, ExternalOwnerIsReleasedOnceBehindTheLastHandle) {
    int released = 0;
    const auto count = [](void* owner) noexcept { ++*static_cast<int*>(owner); };
    const std::string text = "payload";
    {
        Bytes first = Bytes::external(text.data(), text.size(), count, &released);
        Bytes second = first;
        first = Bytes();
        const Bytes part = second.slice(3, 2);
        second = Bytes();
        EXPECT_EQ(part.view(), "lo");
        EXPECT_EQ(released, 0);
    }
    EXPECT_EQ(released, 1);
}

}  // namespace scaler::ymq
