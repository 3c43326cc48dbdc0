// Publishes the time of day to all subscribers of a topic, several times a second, until the last one has gone.
//
//     publisher TOPIC [ADDRESS]   by default at a free port of this machine, which it prints
#include <ctime>
#include <iostream>

#include "receive.h"

using namespace scaler::ymq;
using namespace std::chrono_literals;

namespace {

std::string timeOfDay() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    char text[sizeof("2026-01-01T00:00:00Z")];
    ::gmtime_r(&now, &parts);
    std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 2) {
        std::cerr << "usage: publisher TOPIC [ADDRESS]" << std::endl;
        return 2;
    }
    try {
        const std::string topic = arguments[1];
        Socket socket(std::make_shared<IoContext>(),
                      SocketOptions{.type = SocketType::multicast, .identity = "publisher"});
        std::cout << "listening at " << socket.bind(count > 2 ? arguments[2] : "tcp://127.0.0.1:0").value().toString()
                  << std::endl;
        int subscribers = 0;
        bool had_subscribers = false;
        while (subscribers > 0 || !had_subscribers) {
            // A message goes to all peers whose identity begins with the topic; without one it goes nowhere.
            example::check(socket.send(topic, Bytes::copy(timeOfDay())));
            const auto received = example::receive(socket, 100ms);
            if (received && received->kind == Received::Kind::event) {
                subscribers += received->event == PeerEvent::connected ? 1 : -1;
                had_subscribers = true;
            }
        }
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "publisher: " << error.what() << std::endl;
        return 1;
    }
}
