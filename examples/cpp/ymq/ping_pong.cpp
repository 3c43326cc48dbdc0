// Lets a message go to and fro between two sockets of one process, and prints how long a round trip takes.
//
//     ping_pong [ROUND TRIPS]     by default 10000
#include <iostream>
#include <thread>

#include "receive.h"

using namespace scaler::ymq;
using namespace std::chrono_literals;

int main(int count, char** arguments) {
    try {
        const int round_trips = count > 1 ? std::stoi(arguments[1]) : 10'000;
        Socket pong(std::make_shared<IoContext>(), SocketOptions{.type = SocketType::binder, .identity = "pong"});
        Socket ping(std::make_shared<IoContext>(), SocketOptions{.type = SocketType::connector, .identity = "ping"});
        ping.connect(pong.bind("tcp://127.0.0.1:0").value().toString()).value();

        // Whoever waits for a socket runs its event loop meanwhile, so each side has a thread.
        std::jthread other([&] {
            for (int number = 0; number < round_trips; ++number) {
                pong.send("ping", Bytes::copy(example::receiveText(pong, 10s)));
            }
        });
        const auto start = std::chrono::steady_clock::now();
        for (int number = 0; number < round_trips; ++number) {
            example::check(ping.send(std::nullopt, Bytes::copy(std::to_string(number))));
            if (example::receiveText(ping, 10s) != std::to_string(number)) throw std::runtime_error("another answer");
        }
        const std::chrono::duration<double, std::micro> elapsed = std::chrono::steady_clock::now() - start;
        std::cout << round_trips << " round trips, " << elapsed.count() / round_trips << " us each" << std::endl;
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "ping_pong: " << error.what() << std::endl;
        return 1;
    }
}
