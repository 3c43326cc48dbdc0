// Shows what a socket notices when a peer leaves: an event, and a code for what is sent to it afterwards.
#include <iostream>

#include "receive.h"

using namespace scaler::ymq;
using namespace std::chrono_literals;

namespace {

void printNext(Socket& socket) {
    const std::optional<Received> received = example::receive(socket, 10s);
    if (!received || received->kind != Received::Kind::event) throw std::runtime_error("an event was expected");
    std::cout << received->peer->identity << (received->event == PeerEvent::connected ? " has come" : " has gone")
              << std::endl;
}

}  // namespace

int main() {
    try {
        const auto context = std::make_shared<IoContext>();
        Socket binder(context, SocketOptions{.type = SocketType::binder, .identity = "binder"});
        const std::string address = binder.bind("tcp://127.0.0.1:0").value().toString();
        {
            Socket guest(context, SocketOptions{.type = SocketType::connector, .identity = "guest"});
            guest.connect(address).value();
            printNext(binder);
            guest.close(5s);  // on purpose, so that the binder need not wait whether it comes back
        }
        printNext(binder);
        std::cout << "a message to it: " << explanation(binder.send("guest", Bytes::copy("too late"))) << std::endl;
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "leaving_peer: " << error.what() << std::endl;
        return 1;
    }
}
