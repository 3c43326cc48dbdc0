// Prints what a publisher publishes about a topic.
//
//     subscriber ADDRESS TOPIC [MESSAGES]     by default 5 messages
#include <unistd.h>

#include <iostream>

#include "receive.h"

using namespace scaler::ymq;
using namespace std::chrono_literals;

int main(int count, char** arguments) {
    if (count < 3) {
        std::cerr << "usage: subscriber ADDRESS TOPIC [MESSAGES]" << std::endl;
        return 2;
    }
    try {
        // What a subscriber is called begins with the topic it wants.
        const std::string identity = std::string(arguments[2]) + "|" + std::to_string(::getpid());
        Socket socket(std::make_shared<IoContext>(), SocketOptions{.type = SocketType::unicast, .identity = identity});
        socket.connect(arguments[1], 10s).value();
        for (int left = count > 3 ? std::stoi(arguments[3]) : 5; left > 0; --left) {
            std::cout << example::receiveText(socket, 15s) << std::endl;
        }
        socket.close(5s);
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "subscriber: " << error.what() << std::endl;
        return 1;
    }
}
