// How a connection begins: the discrimination of its first bytes, and the messages of the greeting in arbitrary bytes.
// What is decoded and encoded again is the same, and only what was announced is read.
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "input.h"
#include "require.h"
#include "target.h"
#include "ymq/frame_reader.h"
#include "ymq/greeting_kind.h"
#include "ymq/hello.h"

namespace scaler::fuzz {
namespace {

using ymq::FrameReader;
using ymq::GreetingKind;

std::span<const std::byte> bytesOf(const std::string& text) { return std::as_bytes(std::span(text)); }

void checkHello(std::span<const std::byte> bytes) {
    const std::optional<ymq::Hello> hello = ymq::decodeHello(bytes);
    if (!hello || hello->version != ymq::kHelloVersion) {
        return;
    }
    require(hello->identity.size() <= ymq::kMaximumIdentityBytes, "an identity is bounded");
    const std::string encoded = ymq::encode(*hello);
    require(encoded.size() <= bytes.size(), "a hello holds nothing that was not received");
    const std::optional<ymq::Hello> again = ymq::decodeHello(bytesOf(encoded));
    require(again.has_value(), "a hello of ours is understood");
    require(again->role == hello->role && again->reliable == hello->reliable && again->resume == hello->resume &&
                again->epoch == hello->epoch && again->key == hello->key && again->received == hello->received &&
                again->process == hello->process && again->cluster_id == hello->cluster_id &&
                again->identity == hello->identity && again->authentication == hello->authentication,
            "a hello keeps every field");
}

void checkAccept(std::span<const std::byte> bytes) {
    const std::optional<ymq::Accept> accept = ymq::decodeAccept(bytes);
    if (!accept) {
        return;
    }
    const std::optional<ymq::Accept> again = ymq::decodeAccept(bytesOf(ymq::encode(*accept)));
    require(again.has_value(), "an accept of ours is understood");
    require(again->received == accept->received && again->epoch == accept->epoch &&
                again->session_timeout_milliseconds == accept->session_timeout_milliseconds &&
                again->process == accept->process && again->reliable == accept->reliable,
            "an accept keeps every field");
}

void checkRefuse(std::span<const std::byte> bytes) {
    if (const std::optional<ymq::Refuse> refuse = ymq::decodeRefuse(bytes)) {
        require(std::ranges::equal(bytesOf(ymq::encode(*refuse)), bytes), "a refusal keeps every byte");
    }
}

void checkCount(std::span<const std::byte> bytes) {
    const std::optional<std::uint64_t> count = ymq::decodeCount(bytes);
    require(count.has_value() == (bytes.size() == sizeof(std::uint64_t)), "a count is of eight bytes");
    if (count) {
        require(std::ranges::equal(bytesOf(ymq::encodeCount(*count)), bytes), "a count keeps its value");
    }
}

// The bytes of a connection up to the frame that decides about it, as the accepting and the connecting side read them.
void greet(std::span<const std::byte> bytes, bool accepting) {
    FrameReader reader(FrameReader::Mode::plain);
    const std::span<std::byte> memory = reader.prepare();
    const std::size_t size = std::min(memory.size(), bytes.size());
    if (size > 0) {
        std::memcpy(memory.data(), bytes.data(), size);
    }
    reader.commit(size);
    ymq::Frame frame;
    if (accepting) {
        const GreetingKind kind = ymq::greetingKind(reader.buffered());
        require((kind == GreetingKind::unknown) == (size < 4), "four bytes decide how a peer speaks");
        if (kind == GreetingKind::plain) {
            if (reader.next(ymq::kMaximumIdentityBytes, frame) == FrameReader::Status::frame) {
                require(frame.payload.size() <= ymq::kMaximumIdentityBytes, "an identity is bounded");
            }
            return;
        }
        if (kind != GreetingKind::hello) {
            return;
        }
        reader.discard(ymq::kHelloMagic.size());
    } else if (reader.next(ymq::kMaximumIdentityBytes, frame) != FrameReader::Status::frame) {
        return;
    }
    reader.setMode(FrameReader::Mode::kinds);
    while (reader.next(ymq::kMaximumControlBytes, frame) == FrameReader::Status::frame) {
        switch (frame.kind) {
            case ymq::FrameKind::hello:
                checkHello(frame.payload.span());
                break;
            case ymq::FrameKind::accept:
                checkAccept(frame.payload.span());
                break;
            case ymq::FrameKind::refuse:
                checkRefuse(frame.payload.span());
                break;
            default:
                checkCount(frame.payload.span());
        }
    }
}

void run(Input input) {
    const auto part = input.number<std::uint8_t>();
    const auto bytes = input.rest();
    switch (part % 6) {
        case 0:
            return greet(bytes, true);
        case 1:
            return greet(bytes, false);
        case 2:
            return checkHello(bytes);
        case 3:
            return checkAccept(bytes);
        case 4:
            return checkRefuse(bytes);
        default:
            return checkCount(bytes);
    }
}

}  // namespace
}  // namespace scaler::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    scaler::fuzz::run(scaler::fuzz::Input(data, size));
    return 0;
}
