// A TCP proxy with faults, run by one thread; every connection made to it is passed on to one target.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "ymq/raw_peer.h"

namespace scaler::ymq::test {

class TcpProxy {
public:
    enum class Direction { upstream, downstream };

    // Faults of the connections made from now on; 0 means none.
    struct Faults {
        // Resets both ends after this many bytes passed in one direction (or in the other).
        std::size_t cut_upstream_after{0};
        std::size_t cut_downstream_after{0};
        // Passes at most this many bytes at a time, and waits in between.
        std::size_t piece_bytes{0};
        std::chrono::milliseconds piece_delay{0};
    };

    explicit TcpProxy(std::uint16_t target) : target_(target) {
        listener_ = listeningSocket(port_, 64);
        thread_ = std::thread([this] { run(); });
    }

    ~TcpProxy() {
        stopped_ = true;
        thread_.join();
    }

    std::string address() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
    std::uint16_t port() const { return port_; }

    void setFaults(const Faults& faults) {
        const std::lock_guard lock(mutex_);
        faults_ = faults;
    }

    // Passes nothing on while set, in no direction, and keeps everything open.
    void setBlackHole(bool on) { black_hole_ = on; }

    // Resets all connections.
    void resetAll() {
        const std::lock_guard lock(mutex_);
        for (Pair& pair : pairs_) pair.broken = true;
    }

    int connections() const { return connections_; }

private:
    struct Pair {
        RawPeer client;
        RawPeer server;
        Faults faults;
        std::size_t upstream{0};
        std::size_t downstream{0};
        bool broken{false};
        bool upstream_ended{false};
        bool downstream_ended{false};
    };

    void run() {
        while (!stopped_) {
            acceptOne();
            const std::lock_guard lock(mutex_);
            for (auto pair = pairs_.begin(); pair != pairs_.end();) {
                if (!black_hole_) {
                    pass(*pair, pair->client, pair->server, pair->upstream, pair->faults.cut_upstream_after,
                         pair->upstream_ended);
                    pass(*pair, pair->server, pair->client, pair->downstream, pair->faults.cut_downstream_after,
                         pair->downstream_ended);
                }
                if (pair->broken) {
                    pair->client.reset();
                    pair->server.reset();
                }
                const bool over = pair->broken || (pair->upstream_ended && pair->downstream_ended);
                pair = over ? pairs_.erase(pair) : std::next(pair);
            }
        }
    }

    void acceptOne() {
        std::vector<PollEntry> entries{{listener_.get(), POLLIN, 0}};
        if (!black_hole_) {
            for (const Pair& pair : pairs_) {
                if (!pair.upstream_ended) entries.push_back({pair.client.descriptor(), POLLIN, 0});
                if (!pair.downstream_ended) entries.push_back({pair.server.descriptor(), POLLIN, 0});
            }
        }
        if (waitReadable(entries, 5ms) <= 0 || entries[0].revents == 0) return;
        Descriptor accepted = acceptBlocking(listener_);
        Descriptor target = blockingSocket();
        if (!connectTo(target.get(), target_)) return;
        const std::lock_guard lock(mutex_);
        ++connections_;
        pairs_.push_back(Pair{RawPeer(std::move(accepted)), RawPeer(std::move(target)), faults_});
    }

    static void pass(Pair& pair, RawPeer& from, RawPeer& to, std::size_t& passed, std::size_t cut_after, bool& ended) {
        char buffer[65536];
        if (pair.broken || ended) return;
        std::size_t wanted = sizeof(buffer);
        if (pair.faults.piece_bytes != 0) wanted = std::min(wanted, pair.faults.piece_bytes);
        if (cut_after != 0) wanted = std::min(wanted, cut_after - passed);
        if (!isReadableWithin(from.descriptor(), 0ms)) return;
        const std::ptrdiff_t size = receive(from.descriptor(), buffer, wanted);
        if (size < 0) {
            pair.broken = true;
            return;
        }
        if (size == 0) {
            ended = true;
            to.halfClose();
            return;
        }
        if (!to.write({buffer, static_cast<std::size_t>(size)})) pair.broken = true;
        passed += static_cast<std::size_t>(size);
        if (cut_after != 0 && passed >= cut_after) pair.broken = true;
        if (pair.faults.piece_bytes != 0) std::this_thread::sleep_for(pair.faults.piece_delay);
    }

    const std::uint16_t target_;
    Descriptor listener_{};
    std::uint16_t port_{0};
    std::mutex mutex_{};
    Faults faults_{};
    std::list<Pair> pairs_{};
    std::atomic<bool> black_hole_{false};
    std::atomic<bool> stopped_{false};
    std::atomic<int> connections_{0};
    std::thread thread_;
};

}  // namespace scaler::ymq::test
