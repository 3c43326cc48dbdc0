// Encoding and decoding of the greeting.
#include "ymq/hello.h"

#include <cstring>
#include <type_traits>

namespace scaler::ymq {

namespace {

constexpr std::uint16_t kReliable = 1;
constexpr std::uint16_t kResume = 2;

class Writer {
public:
    template <typename T>
    Writer& number(T value) {
        static_assert(std::is_integral_v<T>);
        text_.append(reinterpret_cast<const char*>(&value), sizeof(value));
        return *this;
    }
    Writer& raw(std::span<const std::uint8_t> bytes) {
        text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return *this;
    }
    Writer& field(const std::string& bytes) {
        number(static_cast<std::uint16_t>(bytes.size()));
        text_ += bytes;
        return *this;
    }
    Writer& process(const ProcessName& name) { return raw(name.host).number(name.pid).number(name.start_time); }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

// Reads behind the end give zeros and make `good()` false.
class Reader {
public:
    explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

    template <typename T>
    T number() {
        T value{};
        copyTo(&value, sizeof(value));
        return value;
    }
    template <std::size_t size>
    std::array<std::uint8_t, size> raw() {
        std::array<std::uint8_t, size> bytes{};
        copyTo(bytes.data(), size);
        return bytes;
    }
    std::string text(std::size_t size) {
        if (size > rest_.size()) {
            good_ = false;
            return {};
        }
        std::string value(reinterpret_cast<const char*>(rest_.data()), size);
        rest_ = rest_.subspan(size);
        return value;
    }
    std::string field() { return text(number<std::uint16_t>()); }
    ProcessName process() {
        ProcessName name;
        name.host = raw<16>();
        name.pid = number<std::uint32_t>();
        name.start_time = number<std::uint64_t>();
        return name;
    }
    std::size_t left() const { return rest_.size(); }
    bool good() const { return good_; }

private:
    void copyTo(void* target, std::size_t size) {
        if (size > rest_.size()) {
            good_ = false;
            return;
        }
        std::memcpy(target, rest_.data(), size);
        rest_ = rest_.subspan(size);
    }

    std::span<const std::byte> rest_;
    bool good_{true};
};

}  // namespace

std::string encode(const Hello& hello) {
    const auto flags = static_cast<std::uint16_t>((hello.reliable ? kReliable : 0) | (hello.resume ? kResume : 0));
    Writer writer;
    writer.number(hello.version).number(static_cast<std::uint8_t>(hello.role)).number(flags).number(hello.epoch);
    writer.raw(hello.key).number(hello.received).process(hello.process);
    return writer.field(hello.cluster_id).field(hello.identity).field(hello.authentication).take();
}

std::string encode(const Accept& accept) {
    Writer writer;
    writer.number(accept.received).number(accept.epoch).number(accept.session_timeout_milliseconds);
    return writer.process(accept.process).number(static_cast<std::uint16_t>(accept.reliable ? kReliable : 0)).take();
}

std::string encode(const Refuse& refuse) {
    return Writer().number(static_cast<std::uint16_t>(refuse.code)).take() + refuse.text;
}

std::string encodeCount(std::uint64_t count) { return Writer().number(count).take(); }

std::optional<Hello> decodeHello(std::span<const std::byte> bytes) {
    Reader reader(bytes);
    Hello hello;
    hello.version = reader.number<std::uint8_t>();
    if (reader.good() && hello.version != kHelloVersion) return hello;
    const auto role = reader.number<std::uint8_t>();
    hello.role = role > kLastRole ? Role::unknown : static_cast<Role>(role);
    const auto flags = reader.number<std::uint16_t>();
    hello.reliable = (flags & kReliable) != 0;
    hello.resume = (flags & kResume) != 0;
    hello.epoch = reader.number<std::uint32_t>();
    hello.key = reader.raw<16>();
    hello.received = reader.number<std::uint64_t>();
    hello.process = reader.process();
    hello.cluster_id = reader.field();
    hello.identity = reader.field();
    hello.authentication = reader.field();
    if (!reader.good() || hello.identity.size() > 1024) return std::nullopt;
    return hello;
}

std::optional<Accept> decodeAccept(std::span<const std::byte> bytes) {
    Reader reader(bytes);
    Accept accept;
    accept.received = reader.number<std::uint64_t>();
    accept.epoch = reader.number<std::uint32_t>();
    accept.session_timeout_milliseconds = reader.number<std::uint32_t>();
    if (!reader.good()) return std::nullopt;
    if (reader.left() == 0) return accept;
    accept.process = reader.process();
    accept.reliable = (reader.number<std::uint16_t>() & kReliable) != 0;
    if (!reader.good()) return std::nullopt;
    return accept;
}

std::optional<Refuse> decodeRefuse(std::span<const std::byte> bytes) {
    Reader reader(bytes);
    Refuse refuse;
    refuse.code = static_cast<RefuseCode>(reader.number<std::uint16_t>());
    if (!reader.good()) return std::nullopt;
    refuse.text = reader.text(reader.left());
    return refuse;
}

std::optional<std::uint64_t> decodeCount(std::span<const std::byte> bytes) {
    Reader reader(bytes);
    const auto count = reader.number<std::uint64_t>();
    if (!reader.good() || reader.left() != 0) return std::nullopt;
    return count;
}

}  // namespace scaler::ymq
