// The server over real sockets; what a peer sees byte for byte is tested from Python.
#include "object_storage/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace scaler::object_storage {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kAll = UINT64_MAX;
constexpr time_t kSocketTimeoutSeconds = 10;

ObjectId id(std::uint64_t number) { return ObjectId{{number, 0, 0, 0}}; }

class Client {
public:
    explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        const timeval timeout{.tv_sec = kSocketTimeoutSeconds, .tv_usec = 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_port = htons(port);
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
        sendFrame("client");
        EXPECT_EQ(readFrame(), "ObjectStorageServer");
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() { ::close(socket_); }

    void sendFrame(std::string_view content) {
        const std::uint64_t length = content.size();
        std::string frame(sizeof(length), '\0');
        std::memcpy(frame.data(), &length, sizeof(length));
        frame += content;
        EXPECT_EQ(::send(socket_, frame.data(), frame.size(), MSG_NOSIGNAL), static_cast<ssize_t>(frame.size()));
    }

    void request(const RequestHeader& header) {
        const HeaderBytes bytes = writeRequestHeader(header);
        sendFrame({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }

    void set(std::uint64_t object, std::string_view content) {
        request({.object_id = id(object), .payload_length = content.size()});
        sendFrame(content);
    }

    void get(std::uint64_t object, std::uint32_t timeout_milliseconds = 0) {
        request({.object_id = id(object),
                 .payload_length = kAll,
                 .type = RequestType::getObject,
                 .timeout_milliseconds = timeout_milliseconds});
    }

    // Returns the header and stores the payload; nothing when the server has closed the connection.
    std::optional<ResponseHeader> answer() {
        const std::optional<std::string> bytes = readFrame();
        if (!bytes) {
            return std::nullopt;
        }
        const auto header = readResponseHeader(std::as_bytes(std::span(*bytes)));
        EXPECT_TRUE(header);
        payload = header && header->payload_length > 0 ? readFrame().value_or("") : "";
        return header;
    }

    ResponseType answerType() {
        const auto header = answer();
        EXPECT_TRUE(header);
        return header ? header->type : static_cast<ResponseType>(UINT16_MAX);
    }

    std::string payload;

private:
    std::optional<std::string> readFrame() {
        std::uint64_t length = 0;
        if (!readExactly(reinterpret_cast<char*>(&length), sizeof(length))) {
            return std::nullopt;
        }
        std::string content(length, '\0');
        return readExactly(content.data(), length) ? std::optional(content) : std::nullopt;
    }

    bool readExactly(char* memory, std::size_t size) {
        return size == 0 || ::recv(socket_, memory, size, MSG_WAITALL) == static_cast<ssize_t>(size);
    }

    const int socket_;
};

class ServerTest : public testing::Test {
protected:
    void start(const ServerCore::Options& core = {}, std::uint64_t outbound_bound_bytes = 1U << 20U) {
        server_ = std::make_unique<Server>(
            Server::Options{
                .address = {.host = "127.0.0.1"}, .core = core, .outbound_bound_bytes = outbound_bound_bytes},
            std::make_shared<const Logger>(LogLevel::critical, "", std::vector<std::string>()));
        thread_ = std::thread([this] { server_->run(); });
    }
    void TearDown() override {
        if (thread_.joinable()) {
            server_->shutdown();
            thread_.join();
        }
    }
    std::uint16_t port() const { return server_->address().port; }
    void waitForConnections(std::size_t count) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(kSocketTimeoutSeconds);
        while (server_->gauges().connections != count && std::chrono::steady_clock::now() < limit) {
            std::this_thread::sleep_for(milliseconds(2));
        }
        EXPECT_EQ(server_->gauges().connections, count);
    }

    std::unique_ptr<Server> server_;
    std::thread thread_;
};

TEST_F(ServerTest, StoresAndServes) {
    start();
    Client client(port());
    client.set(1, "content");
    EXPECT_EQ(client.answerType(), ResponseType::setOk);
    client.get(1);
    EXPECT_EQ(client.answerType(), ResponseType::getOk);
    EXPECT_EQ(client.payload, "content");
    EXPECT_EQ(server_->gauges().totals, (ObjectTable::Totals{1, 1, 7}));
}

TEST_F(ServerTest, AddressInUseRaises) {
    start();
    EXPECT_THROW(Server({.address = {.host = "127.0.0.1", .port = port()}},
                        std::make_shared<const Logger>(LogLevel::info, "", std::vector<std::string>())),
                 BindError);
}

TEST_F(ServerTest, GarbageClosesOnlyItsConnection) {
    start();
    Client good(port());
    {
        Client bad(port());
        bad.sendFrame(std::string(80, '\xaa'));
        EXPECT_FALSE(bad.answer());
    }
    waitForConnections(1);
    good.set(1, "content");
    EXPECT_EQ(good.answerType(), ResponseType::setOk);
}

TEST_F(ServerTest, WaitingGetEndsAtItsDeadlineOrWithTheObject) {
    start();
    Client waiting(port());
    Client setter(port());
    waiting.get(1, 20);
    waiting.get(2, 10'000);
    EXPECT_EQ(waiting.answerType(), ResponseType::timedOut);
    setter.set(2, "content");
    EXPECT_EQ(setter.answerType(), ResponseType::setOk);
    EXPECT_EQ(waiting.answerType(), ResponseType::getOk);
    EXPECT_EQ(server_->gauges().waiting_requests, 0U);
}

TEST_F(ServerTest, SlowReaderGetsEverythingInTheEnd) {
    constexpr std::size_t kCount = 100;
    start({}, 1000);
    Client slow(port());
    const std::string content(200'000, 'x');
    slow.set(1, content);
    EXPECT_EQ(slow.answerType(), ResponseType::setOk);
    for (std::size_t number = 0; number < kCount; ++number) {
        slow.get(1);
    }
    std::this_thread::sleep_for(milliseconds(50));
    for (std::size_t number = 0; number < kCount; ++number) {
        ASSERT_EQ(slow.answerType(), ResponseType::getOk);
        ASSERT_EQ(slow.payload, content);
    }
}

TEST_F(ServerTest, PeersThatLeaveWithAnswersUnsentLeaveNothing) {
    start();
    Client setter(port());
    setter.set(1, std::string(3'000'000, 'x'));
    EXPECT_EQ(setter.answerType(), ResponseType::setOk);
    for (int number = 0; number < 10; ++number) {
        Client leaver(port());
        leaver.get(1);
        leaver.get(1);
        leaver.get(99);
    }
    waitForConnections(1);
    EXPECT_EQ(server_->gauges().waiting_requests, 0U);
}

TEST_F(ServerTest, SetBeyondTheMemoryLimitIsAnsweredThenClosed) {
    ServerCore::Options core;
    core.table.memory_limit_bytes = 1000;
    start(core);
    Client client(port());
    client.request({.object_id = id(1), .payload_length = 10'000'000});
    EXPECT_EQ(client.answerType(), ResponseType::storageFull);
    EXPECT_FALSE(client.answer());
}

TEST_F(ServerTest, StopsWithUnsentAnswersAndAnEndingConnection) {
    ServerCore::Options core;
    core.table.memory_limit_bytes = 100'000'000;
    start(core);
    Client slow(port());
    Client ending(port());
    slow.set(1, std::string(20'000'000, 'x'));
    EXPECT_EQ(slow.answerType(), ResponseType::setOk);
    slow.get(1);
    ending.request({.object_id = id(2), .payload_length = 200'000'000});
    EXPECT_EQ(ending.answerType(), ResponseType::storageFull);
    const auto start = std::chrono::steady_clock::now();
    server_->shutdown();
    server_->shutdown();
    thread_.join();
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(ServerTest, ManyThreadsTalkAtOnce) {
    start();
    std::vector<std::future<void>> clients;
    for (std::uint64_t number = 0; number < 8; ++number) {
        clients.push_back(std::async(std::launch::async, [this, number] {
            Client client(port());
            for (std::uint64_t step = 0; step < 50; ++step) {
                const std::string content(step * 1000, static_cast<char>('a' + number));
                client.set(number, content);
                EXPECT_EQ(client.answerType(), ResponseType::setOk);
                client.get(number);
                EXPECT_EQ(client.answerType(), ResponseType::getOk);
                EXPECT_EQ(client.payload, content);
            }
        }));
    }
    for (std::future<void>& client : clients) {
        client.get();
    }
}

TEST(Server, ShutdownBeforeRunEndsTheRun) {
    Server server({.address = {.host = "127.0.0.1"}},
                  std::make_shared<const Logger>(LogLevel::critical, "", std::vector<std::string>()));
    server.shutdown();
    server.run();
    EXPECT_GT(server.address().port, 0);
}

}  // namespace
}  // namespace scaler::object_storage
