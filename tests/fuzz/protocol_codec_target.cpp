// The codec over arbitrary bytes: what is no message is refused with CodecError and nothing else; what is decoded is
// the same after encoding and decoding it; and nothing is larger than a small multiple of what was received.
#include <algorithm>
#include <optional>
#include <type_traits>
#include <vector>

#include "input.h"
#include "protocol/codec_error.h"
#include "protocol/validation.h"
#include "require.h"
#include "same_views.h"
#include "target.h"

namespace scaler::fuzz {
namespace {

using protocol::FrameReader;
using protocol::MessageKind;
using Frame = std::span<const std::byte>;

template <class Function>
auto unlessRefused(Function&& function) -> std::optional<decltype(function())> {
    try {
        return function();
    } catch (const protocol::CodecError& error) {
        require(error.what()[0] != '\0', "a refusal says why");
        return std::nullopt;
    }
}

// A message in memory of exactly its size.
class Words {
public:
    template <class View>
    explicit Words(const View& view) : words_(protocol::encodedSizeBytes(view) / sizeof(std::uint64_t)) {
        protocol::encode(view, std::as_writable_bytes(std::span(words_)));
    }

    Frame frame() const { return std::as_bytes(std::span(words_)); }

private:
    std::vector<std::uint64_t> words_;
};

// An empty element of a list takes up to three words more than it may have taken in the received frame. A node of a
// graph may have come as a struct of one word, from who knows no field behind the first, and has all fields when it is
// encoded.
template <class View>
constexpr std::size_t growthLimit() {
    return std::is_same_v<View, protocol::GraphTaskView> ? 1 + capnp::sizeInWords<::Task>() : 4;
}

template <class View, class Decode>
void checkEncoding(const View& view, Frame received, Decode decode) {
    const Words once(view);
    require(once.frame().size() <= growthLimit<View>() * received.size() + 256,
            "a message does not grow beyond a small multiple");
    const FrameReader reader(once.frame());
    const View again = decode(reader);
    require(same(view, again), "a message keeps every field");
    require(std::ranges::equal(Words(again).frame(), once.frame()), "equal messages are equal bytes");
}

template <class View>
bool checkKind(Frame frame, View (*decode)(const FrameReader&)) {
    // The views live as long as their reader; each reading has a limit of its own, and so a reader of its own.
    const FrameReader reader(frame);
    const auto view = unlessRefused([&] { return decode(reader); });
    if (view) {
        checkEncoding(*view, frame, decode);
    }
    return view.has_value();
}

bool checkTask(Frame frame) {
    const FrameReader reader(frame);
    const FrameReader peeking_reader(frame);
    auto task = unlessRefused([&] { return protocol::decodeTask(reader); });
    const auto peeked = unlessRefused([&] { return protocol::peekTask(peeking_reader); });
    require(peeked.has_value() || !task.has_value(), "what can be decoded can be looked at");
    if (!task) {
        return false;
    }
    require(sameRouting(*peeked, *task), "a look tells what decoding does");
    const FrameReader objects_reader(frame);
    const auto objects = unlessRefused([&] { return protocol::objectsOfTask(objects_reader); });
    require(objects && objects->front() == task->func_object_id, "what can be decoded tells its objects");
    checkEncoding(*task, frame, protocol::decodeTask);
    // A task that is placed again: everything but its attempt stays.
    ++task->attempt;
    checkEncoding(*task, frame, protocol::decodeTask);
    return true;
}

bool checkTaskResult(Frame frame) {
    const FrameReader reader(frame);
    const FrameReader peeking_reader(frame);
    auto result = unlessRefused([&] { return protocol::decodeTaskResult(reader); });
    const auto peeked = unlessRefused([&] { return protocol::peekTaskResult(peeking_reader); });
    require(peeked.has_value() || !result.has_value(), "what can be decoded can be looked at");
    if (!result) {
        return false;
    }
    checkEncoding(*result, frame, protocol::decodeTaskResult);
    result->value.reset();
    require(same(*peeked, *result), "a look tells what decoding does");
    return true;
}

// Returns whether the message was decoded; nothing when it is of a kind that the native codec leaves to others.
std::optional<bool> checkDecoding(Frame frame, MessageKind kind) {
    switch (kind) {
        case MessageKind::TASK:
            return checkTask(frame);
        case MessageKind::TASK_RESULT:
            return checkTaskResult(frame);
        case MessageKind::GRAPH_TASK:
            return checkKind(frame, protocol::decodeGraphTask);
        case MessageKind::TASK_LOG:
            return checkKind(frame, protocol::decodeTaskLog);
        case MessageKind::TASK_CANCEL:
            return checkKind(frame, protocol::decodeTaskCancel);
        case MessageKind::TASK_CANCEL_CONFIRM:
            return checkKind(frame, protocol::decodeTaskCancelConfirm);
        case MessageKind::OBJECT_INSTRUCTION:
            return checkKind(frame, protocol::decodeObjectInstruction);
        default:
            return std::nullopt;
    }
}

void run(Input input) {
    // Memory of exactly the frame's size, so that a byte read behind it is noticed, and at every alignment.
    const std::size_t offset = input.number<std::uint8_t>() % sizeof(std::uint64_t);
    const auto bytes = input.rest();
    std::vector<std::byte> memory(offset + bytes.size());
    std::ranges::copy(bytes, memory.begin() + static_cast<std::ptrdiff_t>(offset));
    const Frame frame = Frame(memory).subspan(offset);

    const auto kind = unlessRefused([&] { return FrameReader(frame).kind(); });
    if (!kind) {
        return;
    }
    const bool is_valid = unlessRefused([&] {
                              const FrameReader reader(frame);
                              protocol::validate(reader);
                              return true;
                          }).has_value();
    const std::optional<bool> is_decoded = checkDecoding(frame, *kind);
    require(!is_valid || is_decoded.value_or(true), "what is valid can be decoded");
}

}  // namespace
}  // namespace scaler::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    scaler::fuzz::run(scaler::fuzz::Input(data, size));
    return 0;
}
