#include "ymq/hello.h"

#include <gtest/gtest.h>

namespace scaler::ymq {

namespace {

std::span<const std::byte> bytesOf(const std::string& text) { return std::as_bytes(std::span(text)); }

Hello exampleHello() {
    Hello hello;
    hello.role = Role::worker;
    hello.reliable = true;
    hello.resume = true;
    hello.epoch = 7;
    hello.key.fill(0xab);
    hello.received = 0x1122334455667788;
    hello.process = {HostId{1, 2, 3}, 4321, 99};
    hello.cluster_id = "cluster";
    hello.identity = std::string("worker\0one", 10);
    hello.authentication = "";
    return hello;
}

}  // namespace

TEST(Hello, KeepsEveryField) {
    const Hello hello = exampleHello();
    const auto decoded = decodeHello(bytesOf(encode(hello)));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->role, Role::worker);
    EXPECT_TRUE(decoded->reliable && decoded->resume);
    EXPECT_EQ(decoded->epoch, 7U);
    EXPECT_EQ(decoded->key, hello.key);
    EXPECT_EQ(decoded->received, hello.received);
    EXPECT_EQ(decoded->process, hello.process);
    EXPECT_EQ(decoded->cluster_id, "cluster");
    EXPECT_EQ(decoded->identity, hello.identity);
}

TEST(Hello, IsLaidOutAsDocumented) {
    const std::string bytes = encode(exampleHello());
    EXPECT_EQ(bytes.size(), 1U + 1 + 2 + 4 + 16 + 8 + 16 + 4 + 8 + (2 + 7) + (2 + 10) + 2);
    EXPECT_EQ(bytes.substr(0, 8), std::string("\x01\x02\x03\x00\x07\x00\x00\x00", 8));
    EXPECT_EQ(bytes.substr(24, 8), "\x88\x77\x66\x55\x44\x33\x22\x11");
    EXPECT_EQ(bytes.substr(60, 9), std::string("\x07\x00", 2) + "cluster");
}

TEST(Hello, EveryTruncationIsMalformed) {
    const std::string bytes = encode(exampleHello());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(decodeHello(bytesOf(bytes.substr(0, size))).has_value()) << size;
    }
}

TEST(Hello, AnotherVersionIsDecodedAsFarAsItsVersion) {
    const auto hello = decodeHello(bytesOf("\x02"));
    ASSERT_TRUE(hello.has_value());
    EXPECT_EQ(hello->version, 2);
}

TEST(Hello, RefusesLongIdentities) {
    Hello hello = exampleHello();
    hello.identity = std::string(1025, 'i');
    EXPECT_FALSE(decodeHello(bytesOf(encode(hello))).has_value());
}

TEST(Accept, KeepsEveryFieldAndDoesWithoutTheOptionalOnes) {
    const Accept accept{5, 6, 7000, {HostId{9}, 8, 7}, false};
    const std::string bytes = encode(accept);
    const auto decoded = decodeAccept(bytesOf(bytes));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->received, 5U);
    EXPECT_EQ(decoded->epoch, 6U);
    EXPECT_EQ(decoded->session_timeout_milliseconds, 7000U);
    EXPECT_EQ(decoded->process, accept.process);
    EXPECT_FALSE(decoded->reliable);
    const auto shortest = decodeAccept(bytesOf(bytes.substr(0, 16)));
    ASSERT_TRUE(shortest.has_value());
    EXPECT_TRUE(shortest->reliable);
    EXPECT_FALSE(decodeAccept(bytesOf(bytes.substr(0, 15))).has_value());
    EXPECT_FALSE(decodeAccept(bytesOf(bytes.substr(0, 20))).has_value());
}

TEST(Refuse, KeepsCodeAndText) {
    const auto refuse = decodeRefuse(bytesOf(encode(Refuse{RefuseCode::wrongCluster, "no"})));
    ASSERT_TRUE(refuse.has_value());
    EXPECT_EQ(refuse->code, RefuseCode::wrongCluster);
    EXPECT_EQ(refuse->text, "no");
    EXPECT_FALSE(decodeRefuse(bytesOf("x")).has_value());
}

TEST(Count, HasEightBytes) {
    EXPECT_EQ(decodeCount(bytesOf(encodeCount(12))), 12U);
    EXPECT_FALSE(decodeCount(bytesOf("1234567")).has_value());
    EXPECT_FALSE(decodeCount(bytesOf("123456789")).has_value());
}

}  // namespace scaler::ymq
