// Reading and writing addresses.
#include "ymq/address.h"

#include <algorithm>
#include <charconv>

#include "ymq/native_socket.h"

namespace scaler::ymq {

namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kIpc = "ipc://";

Error invalidAddress(std::string_view text, std::string_view why) {
    return {ErrorCode::invalidAddressFormat, "\"" + std::string(text) + "\" " + std::string(why)};
}

bool isHostCharacter(char character) noexcept {
    const auto lower = static_cast<char>(character | 0x20);
    return (lower >= 'a' && lower <= 'z') || (character >= '0' && character <= '9') || character == '.' ||
           character == '-' || character == '_' || character == ':' || character == '%';
}

Result<Address> parseTcp(std::string_view text) {
    const std::string_view rest = text.substr(kTcp.size());
    const std::size_t colon = rest.rfind(':');
    if (colon == std::string_view::npos) return invalidAddress(text, "has no port");
    std::string_view host = rest.substr(0, colon);
    const std::string_view port = rest.substr(colon + 1);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (host.empty()) return invalidAddress(text, "has no host");
    if (!bracketed && host.find(':') != std::string_view::npos) {
        return invalidAddress(text, "has an IPv6 host without brackets");
    }
    if (!std::all_of(host.begin(), host.end(), isHostCharacter)) return invalidAddress(text, "has a malformed host");

    std::uint16_t number = 0;
    const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (port.empty() || failure != std::errc() || end != port.data() + port.size()) {
        return Error{ErrorCode::invalidPortFormat, "\"" + std::string(text) + "\""};
    }
    return Address{Address::Scheme::tcp, std::string(host), number, {}};
}

Result<Address> parseIpc(std::string_view text) {
    const std::string_view path = text.substr(kIpc.size());
    if (path.empty() || path == "@") return invalidAddress(text, "has no path");
    if (path.size() >= sizeof(sockaddr_un::sun_path)) return invalidAddress(text, "has a path of more than 107 bytes");
    if (path.find('\0') != std::string_view::npos) return invalidAddress(text, "has a zero byte in its path");
    return Address{Address::Scheme::ipc, {}, 0, std::string(path)};
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
    if (text.starts_with(kTcp)) return parseTcp(text);
    if (text.starts_with(kIpc)) return parseIpc(text);
    return invalidAddress(text, "starts neither with tcp:// nor with ipc://");
}

std::string Address::toString() const {
    if (scheme == Scheme::ipc) return std::string(kIpc) + path;
    const bool literal6 = host.find(':') != std::string::npos;
    return std::string(kTcp) + (literal6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace scaler::ymq
