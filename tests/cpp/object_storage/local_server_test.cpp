// The local channel on one thread, and what becomes of it when memory or files run short.
#include "object_storage/local_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "object_storage/failing_allocation.h"
#include "ymq/memory_file.h"

namespace scaler::object_storage {
namespace {

constexpr std::uint64_t kLargestObjectBytes = 1000;

class RecordingHandler : public LocalHandler {
public:
    struct Request {
        std::size_t header_bytes;
        ymq::Bytes payload;
    };

    RecordingHandler() { connected.reserve(100); }

    void onLocalConnected(ConnectionId connection, const std::string&) override { connected.push_back(connection); }
    void onLocalRequest(ConnectionId connection, const ymq::Bytes& header, const ymq::Bytes& payload) override {
        requests.push_back({header.size(), payload});
        for (int count = 0; count < answers_for_each; ++count) {
            server->answer(connection, HeaderBytes{}, ymq::Bytes());
        }
    }
    std::uint64_t largestObjectBytes() const override { return kLargestObjectBytes; }
    void onLocalClosed(ConnectionId, const std::string& reason) override { reasons.push_back(reason); }

    LocalServer* server = nullptr;
    int answers_for_each = 0;
    std::vector<ConnectionId> connected;
    std::vector<Request> requests;
    std::vector<std::string> reasons;
};

class LocalServerTest : public testing::Test {
protected:
    void listen(std::size_t kept_files_limit,
                std::chrono::milliseconds unsent_patience = LocalServer::kUnsentPatience) {
        server_.emplace(context_, handler_, kept_files_limit, ymq::Log(), unsent_patience);
        handler_.server = &*server_;
        name_ = server_->listen();
        context_.poll();
    }

    ymq::Descriptor connect() const {
        const std::string path = "scaler-object-storage-" + name_;
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path + 1, path.data(), path.size());
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + path.size());
        ymq::Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
        return socket;
    }

    // Reads while the server writes, until neither has anything to do.
    int readAnswers(const ymq::Descriptor& socket) {
        int count = 0;
        HeaderBytes header;
        for (bool is_any = true; is_any; context_.poll()) {
            is_any = false;
            while (::recv(socket.get(), header.data(), header.size(), MSG_DONTWAIT) > 0) {
                is_any = true;
                ++count;
            }
        }
        return count;
    }

    boost::asio::io_context context_{1};
    RecordingHandler handler_;
    std::optional<LocalServer> server_;
    std::string name_;
};

// Whether the other side has closed the connection.
bool hasEnded(const ymq::Descriptor& socket) {
    char byte = 0;
    return ::recv(socket.get(), &byte, 1, MSG_DONTWAIT) == 0;
}

void sendBareHeader(const ymq::Descriptor& socket) {
    const HeaderBytes header = writeRequestHeader({});
    ASSERT_EQ(::send(socket.get(), header.data(), header.size(), 0), static_cast<ssize_t>(header.size()));
}

// Sends a set of an object whose content is a file.
void sendSet(const ymq::Descriptor& socket, std::string_view content) {
    const auto part = std::as_bytes(std::span(content));
    const ymq::Descriptor file = ymq::writeMemoryFile(std::span(&part, 1));
    const int number = file.get();
    HeaderBytes header = writeRequestHeader({.payload_length = content.size()});
    iovec vector{header.data(), header.size()};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const first = CMSG_FIRSTHDR(&message);
    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    first->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(first), &number, sizeof(number));
    ASSERT_EQ(::sendmsg(socket.get(), &message, 0), static_cast<ssize_t>(header.size()));
}

TEST_F(LocalServerTest, LackOfMemoryEndsOneConnectionAndNothingElse) {
    listen(10);
    bool has_failed = true;
    for (int successes = 0; has_failed; ++successes) {
        SCOPED_TRACE("allocation " + std::to_string(successes));
        context_.poll();  // the peers of the turn before end
        handler_.connected.clear();
        const ymq::Descriptor peer = connect();
        {
            const FailingAllocation failing(successes);
            EXPECT_NO_THROW(context_.poll());
            has_failed = failing.hasFailed();
        }
        context_.poll();
        EXPECT_TRUE(hasEnded(peer) || handler_.connected.size() == 1);
        handler_.connected.clear();
        const ymq::Descriptor next = connect();
        context_.poll();
        EXPECT_EQ(handler_.connected.size(), 1U);
    }
}

TEST_F(LocalServerTest, LackOfMemoryForAnswersEndsOneConnectionAndNothingElse) {
    listen(10);
    // As many as no socket takes at once, so that some are left for when there is room.
    handler_.answers_for_each = 1000;
    bool has_failed = true;
    for (int successes = 0; has_failed; ++successes) {
        SCOPED_TRACE("allocation " + std::to_string(successes));
        const std::array peers{connect(), connect(), connect()};
        context_.poll();
        for (const ymq::Descriptor& peer : peers) {
            sendBareHeader(peer);
        }
        {
            const FailingAllocation failing(successes);
            EXPECT_NO_THROW(context_.poll());
            has_failed = failing.hasFailed();
        }
        int ended = 0;
        for (const ymq::Descriptor& peer : peers) {
            const int answers = readAnswers(peer);
            ended += answers < handler_.answers_for_each ? 1 : 0;
            EXPECT_TRUE(answers == handler_.answers_for_each || hasEnded(peer));
        }
        EXPECT_LE(ended, 1);
    }
}

TEST_F(LocalServerTest, BurstOfAnswersIsNoFaultOfThePeer) {
    listen(10);
    handler_.answers_for_each = 5 * static_cast<int>(LocalServer::kUnsentAnswersLimit);
    const ymq::Descriptor peer = connect();
    sendBareHeader(peer);
    context_.poll();
    EXPECT_EQ(readAnswers(peer), handler_.answers_for_each);
    EXPECT_FALSE(hasEnded(peer));
    EXPECT_TRUE(handler_.reasons.empty());
}

TEST_F(LocalServerTest, WhoHasHadTimeToReadManyAnswersAndHasNotIsClosed) {
    listen(10, std::chrono::milliseconds(0));
    const ymq::Descriptor peer = connect();
    // A socket takes some hundred answers, and as many as the limit may wait behind those.
    handler_.answers_for_each = 5 * static_cast<int>(LocalServer::kUnsentAnswersLimit);
    sendBareHeader(peer);
    context_.poll();
    EXPECT_LT(readAnswers(peer), handler_.answers_for_each);
    EXPECT_TRUE(hasEnded(peer));
    ASSERT_EQ(handler_.reasons.size(), 1U);
    EXPECT_NE(handler_.reasons[0].find("does not read"), std::string::npos);
}

TEST_F(LocalServerTest, ObjectForWhichThereIsNeverRoomIsNotCopied) {
    listen(0);
    const ymq::Descriptor peer = connect();
    sendSet(peer, std::string(kLargestObjectBytes, 'x'));
    sendSet(peer, std::string(kLargestObjectBytes + 1, 'x'));
    context_.poll();
    ASSERT_EQ(handler_.requests.size(), 2U);
    EXPECT_EQ(handler_.requests[0].payload.size(), kLargestObjectBytes);
    EXPECT_EQ(handler_.requests[1].header_bytes, kHeaderBytes);
    EXPECT_TRUE(handler_.requests[1].payload.isNull());
    EXPECT_TRUE(handler_.reasons.empty());
}

}  // namespace
}  // namespace scaler::object_storage
