// Answers each message with the same bytes, to whoever has sent it. Ctrl-C ends it.
//
//     echo_server [ADDRESS]       by default at a free port of this machine, which it prints
#include <iostream>

#include "receive.h"

using namespace scaler::ymq;

int main(int count, char** arguments) {
    try {
        const auto context = std::make_shared<IoContext>();
        Socket socket(context, SocketOptions{.type = SocketType::binder, .identity = "echo server"});
        const std::string wanted = count > 1 ? arguments[1] : "tcp://127.0.0.1:0";
        std::cout << "listening at " << socket.bind(wanted).value().toString() << std::endl;
        while (true) {
            const Received received = *example::receive(socket);
            if (received.kind == Received::Kind::event) {
                const bool is_new = received.event == PeerEvent::connected;
                std::cout << received.peer->identity << (is_new ? " has come" : " has gone") << std::endl;
            } else if (received.kind == Received::Kind::message) {
                // A peer that has gone meanwhile is not the server's concern. The bytes are shared, not copied.
                socket.send(received.peer->identity, received.payload);
            }
        }
    } catch (const std::exception& error) {
        std::cerr << "echo_server: " << error.what() << std::endl;
        return 1;
    }
}
