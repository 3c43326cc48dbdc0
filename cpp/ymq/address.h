// Where a socket listens or connects to: tcp://host:port, ipc://path or ipc://@abstract_name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ymq/error.h"

namespace scaler::ymq {

struct Address {
    enum class Scheme { tcp, ipc };

    Scheme scheme{Scheme::tcp};
    // A name, an IPv4 or an IPv6 literal, without brackets.
    std::string host{};
    std::uint16_t port{0};
    // Of the file, or '@' and the name in the abstract namespace.
    std::string path{};

    // Reads an address; every error names the text that was wrong.
    static Result<Address> parse(std::string_view text);

    bool isAbstract() const noexcept { return !path.empty() && path.front() == '@'; }
    std::string toString() const;

    bool operator==(const Address&) const = default;
};

}  // namespace scaler::ymq
