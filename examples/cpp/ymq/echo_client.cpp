// Sends each line of the standard input to an echo server, and prints what comes back.
//
//     echo_client ADDRESS         for instance: seq 3 | echo_client tcp://127.0.0.1:2345
#include <unistd.h>

#include <iostream>

#include "receive.h"

using namespace scaler::ymq;
using namespace std::chrono_literals;

int main(int count, char** arguments) {
    if (count != 2) {
        std::cerr << "usage: echo_client ADDRESS" << std::endl;
        return 2;
    }
    try {
        const auto context = std::make_shared<IoContext>();
        const std::string identity = "echo client " + std::to_string(::getpid());
        Socket socket(context, SocketOptions{.type = SocketType::connector, .identity = identity});
        socket.connect(arguments[1], 10s).value();
        for (std::string line; std::getline(std::cin, line);) {
            // A connector has one peer, so no address is needed. The message is sent once the connection is there.
            example::check(socket.send(std::nullopt, Bytes::copy(line)));
            std::cout << example::receiveText(socket, 15s) << std::endl;
        }
        return socket.close(5s) ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << "echo_client: " << error.what() << std::endl;
        return 1;
    }
}
