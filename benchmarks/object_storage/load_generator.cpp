#include "object_storage/load_generator.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace scaler::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadBytes = std::size_t{1} << 18;
constexpr int kEvents = 64;
constexpr int kPatienceMilliseconds = 10'000;

std::system_error systemError(const char* what) { return {errno, std::generic_category(), what}; }

class Descriptor {
public:
    explicit Descriptor(int value) : value_(value) {
        if (value_ < 0) {
            throw systemError("cannot open a descriptor");
        }
    }
    ~Descriptor() { ::close(value_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    int get() const noexcept { return value_; }

private:
    const int value_;
};

void readExactly(int descriptor, void* into, std::size_t bytes) {
    if (::recv(descriptor, into, bytes, MSG_WAITALL) != static_cast<ssize_t>(bytes)) {
        throw std::runtime_error("the server did not greet");
    }
}

// One connection: writes its request, reads the answer, and begins again.
class Connection {
public:
    Connection(std::uint16_t port, const Conversation& conversation)
        : socket_(::socket(AF_INET, SOCK_STREAM, 0)),
          conversation_(conversation),
          request_(conversation.request),
          prefix_(conversation.answer_prefix.size(), '\0') {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(descriptor(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
            throw systemError("cannot connect");
        }
        const int yes = 1;
        ::setsockopt(descriptor(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        greet();
        ::fcntl(descriptor(), F_SETFL, O_NONBLOCK);
    }

    int descriptor() const noexcept { return socket_.get(); }

    void begin(std::uint64_t number) {
        if (conversation_.counter_offset != 0) {
            std::memcpy(request_.data() + conversation_.counter_offset, &number, sizeof(number));
        }
        start_ = Clock::now();
        written_ = 0;
        received_ = 0;
        write();
    }

    // Returns whether the kernel took all of the request.
    bool write() {
        while (written_ < request_.size()) {
            const ssize_t sent =
                ::send(descriptor(), request_.data() + written_, request_.size() - written_, MSG_NOSIGNAL);
            if (sent < 0) {
                if (errno == EAGAIN) {
                    return false;
                }
                throw systemError("cannot send");
            }
            written_ += static_cast<std::size_t>(sent);
        }
        return true;
    }

    bool isWritten() const noexcept { return written_ == request_.size(); }

    // Reads what is there, and returns whether the answer is complete.
    bool read(std::vector<char>& buffer) {
        while (received_ < conversation_.answer_bytes) {
            const std::size_t wanted = std::min(buffer.size(), conversation_.answer_bytes - received_);
            const ssize_t got = ::recv(descriptor(), buffer.data(), wanted, 0);
            if (got < 0 && errno == EAGAIN) {
                return false;
            }
            if (got <= 0) {
                throw std::runtime_error("the server closed a connection");
            }
            keepPrefix(buffer.data(), static_cast<std::size_t>(got));
        }
        if (prefix_ != conversation_.answer_prefix) {
            throw std::runtime_error("the server answered something else than expected");
        }
        return true;
    }

    std::int64_t elapsedNanoseconds() const {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_).count();
    }

private:
    void greet() {
        if (!conversation_.is_greeted) {
            return;
        }
        std::uint64_t length = 0;
        readExactly(descriptor(), &length, sizeof(length));
        std::string name(std::min<std::uint64_t>(length, 1024), '\0');
        readExactly(descriptor(), name.data(), name.size());
        if (::send(descriptor(), conversation_.greeting.data(), conversation_.greeting.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(conversation_.greeting.size())) {
            throw systemError("cannot greet");
        }
    }

    void keepPrefix(const char* bytes, std::size_t count) {
        if (received_ < prefix_.size()) {
            std::memcpy(prefix_.data() + received_, bytes, std::min(count, prefix_.size() - received_));
        }
        received_ += count;
    }

    const Descriptor socket_;
    const Conversation& conversation_;
    std::string request_;
    std::string prefix_;
    std::size_t written_ = 0;
    std::size_t received_ = 0;
    Clock::time_point start_{};
};

class Load {
public:
    Load(std::uint16_t port, const Conversation& conversation, std::size_t connections, std::size_t requests)
        : poll_(::epoll_create1(0)), requests_(requests), buffer_(kReadBytes) {
        for (std::size_t i = 0; i < connections; ++i) {
            connections_.push_back(std::make_unique<Connection>(port, conversation));
            watch(*connections_.back(), EPOLL_CTL_ADD);
        }
        result_.latencies_nanoseconds.reserve(requests);
    }

    LoadResult run() {
        const Clock::time_point start = Clock::now();
        for (const std::unique_ptr<Connection>& connection : connections_) {
            next(*connection);
        }
        while (result_.latencies_nanoseconds.size() < requests_) {
            wait();
        }
        result_.seconds = std::chrono::duration<double>(Clock::now() - start).count();
        return std::move(result_);
    }

private:
    // Asks for the readiness to write only while there is something to write.
    void watch(Connection& connection, int operation) {
        epoll_event event{};
        event.events = connection.isWritten() || operation == EPOLL_CTL_ADD ? EPOLLIN : EPOLLIN | EPOLLOUT;
        event.data.ptr = &connection;
        if (::epoll_ctl(poll_.get(), operation, connection.descriptor(), &event) != 0) {
            throw systemError("cannot watch a connection");
        }
    }

    void next(Connection& connection) {
        if (begun_ == requests_) {
            return;
        }
        connection.begin(begun_++);
        if (!connection.isWritten()) {
            watch(connection, EPOLL_CTL_MOD);
        }
    }

    void wait() {
        std::array<epoll_event, kEvents> events{};
        const int count = ::epoll_wait(poll_.get(), events.data(), kEvents, kPatienceMilliseconds);
        if (count <= 0) {
            throw std::runtime_error("the server does not answer");
        }
        for (int i = 0; i < count; ++i) {
            auto& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (!connection.isWritten() && connection.write()) {
                watch(connection, EPOLL_CTL_MOD);
            }
            if (connection.isWritten() && connection.read(buffer_)) {
                result_.latencies_nanoseconds.push_back(connection.elapsedNanoseconds());
                next(connection);
            }
        }
    }

    const Descriptor poll_;
    const std::size_t requests_;
    std::vector<char> buffer_;
    std::vector<std::unique_ptr<Connection>> connections_{};
    std::size_t begun_ = 0;
    LoadResult result_{};
};

}  // namespace

LoadResult runLoad(std::uint16_t port, const Conversation& conversation, std::size_t connections,
                   std::size_t requests) {
    return Load(port, conversation, connections, requests).run();
}

}  // namespace scaler::benchmarks
