// Makes connections to one address, again and again until told otherwise.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ymq/address.h"
#include "ymq/name_lookup.h"
#include "ymq/stream_socket.h"

namespace scaler::ymq {

// Lives on the I/O thread. Tries at once, then after 50, 100, 200 and 400 ms, then every second; every failure is taken
// for a passing one. Each try walks through all addresses of the name, and takes the local channel of one where there
// is one.
class Dialer : public std::enable_shared_from_this<Dialer> {
public:
    using OnConnected = std::function<void(StreamSocket socket)>;
    using OnGivenUp = std::function<void(const std::string& why)>;

    Dialer(boost::asio::io_context& context, Address address, OnConnected on_connected, OnGivenUp on_given_up,
           NameLookup::Ask ask = resolve);

    // Begins to try until the deadline, from the first delay or a later one; a success ends it until the next start.
    void start(std::chrono::steady_clock::time_point deadline, std::size_t delays_to_skip = 0);

    // The connection was made, but its greeting failed: goes on with the delays where it was.
    void retry(const std::string& why);

    // Ends trying; no callback follows.
    void stop();

    const Address& address() const noexcept { return address_; }

private:
    void scheduleAttempt();
    void attempt();
    void resolveName();
    void onResolved(const Endpoints& endpoints);
    void giveUp(const std::string& why);
    void tryNext();
    void connectTo(const StreamEndpoint& endpoint);
    void onConnectEnded(const boost::system::error_code& failure, bool is_local);
    void onAttemptFailed(const std::string& why);

    boost::asio::io_context& context_;
    const Address address_;
    OnConnected on_connected_;
    OnGivenUp on_given_up_;
    boost::asio::steady_timer timer_;
    const NameLookup::Ask ask_;
    // While the name is looked for.
    std::unique_ptr<NameLookup> lookup_{};
    std::unique_ptr<StreamSocket> socket_{};
    std::vector<StreamEndpoint> endpoints_{};
    std::size_t next_endpoint_{0};
    // That of the next endpoint has been tried.
    bool local_channel_tried_{false};
    std::chrono::steady_clock::time_point deadline_{};
    std::size_t attempts_{0};
    // Differs for each start and stop, so that late handlers know that they are late.
    std::uint64_t generation_{0};
    std::string last_failure_{"not tried"};
};

}  // namespace scaler::ymq
