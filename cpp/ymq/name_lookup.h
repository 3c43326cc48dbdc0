// Finds the endpoints of an address by its name, without letting anybody wait for the resolver.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "ymq/address.h"
#include "ymq/error.h"
#include "ymq/stream_socket.h"

namespace scaler::ymq {

using Endpoints = Result<std::vector<StreamEndpoint>>;

// Asks once. A resolver cannot be stopped, and may take minutes: it is asked on a thread of its own, which shares with
// this object only what both of them own. So whoever drops the question need not wait for the answer, and nor need the
// end of the loop or of the process. For the thread that runs the io context.
class NameLookup {
public:
    using Ask = std::function<Endpoints(const Address& address)>;

    // Calls the function with the answer, unless the object has gone by then. Throws std::system_error when the system
    // has no room for it.
    NameLookup(boost::asio::io_context& context, Ask ask, const Address& address,
               std::function<void(const Endpoints& endpoints)> on_answer);
    ~NameLookup();
    NameLookup(const NameLookup&) = delete;
    NameLookup& operator=(const NameLookup&) = delete;

private:
    struct Question;
    struct Waiting;

    const std::shared_ptr<Waiting> waiting_;
};

}  // namespace scaler::ymq
