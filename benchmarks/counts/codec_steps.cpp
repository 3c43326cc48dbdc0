// Does one step of the codec again and again, for a program that counts instructions: codec_steps STEP REPETITIONS.
//
// The messages are those of a no-op task that a client with random ids submits. Without arguments the steps are listed.
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/frame_reader.h"
#include "protocol/task.h"
#include "protocol/task_result.h"

namespace {

using namespace scaler::protocol;

constexpr std::string_view kTaskId = "0123456789abcdef";
constexpr std::string_view kClient = "Client|0123456789abcdef0123456789abcdef";
constexpr std::string_view kFunction = "0123456789abcdef0123456789abcdef";
constexpr std::string_view kValue = "pickle";

TaskView makeTask() {
    TaskView task;
    task.task_id = kTaskId;
    task.source = kClient;
    task.metadata = "flags!";
    task.func_object_id = kFunction;
    task.function_args = {{2, kValue}};
    return task;
}

TaskResultView makeResult() {
    TaskResultView result;
    result.task_id = kTaskId;
    result.metadata = "sixteen of bytes";
    result.value = kValue;
    return result;
}

// A frame in memory that is aligned to words, as that of received messages.
class Frame {
public:
    template <class View>
    explicit Frame(const View& view) : words_(encodedSizeBytes(view) / sizeof(std::uint64_t)) {
        encode(view, bytes());
    }

    std::span<std::byte> bytes() { return std::as_writable_bytes(std::span(words_)); }

private:
    std::vector<std::uint64_t> words_;
};

using Step = std::function<std::size_t()>;

template <class View>
Step encoding(View view) {
    return [view, out = Frame(view)]() mutable {
        const auto size = encodedSizeBytes(view);
        encode(view, out.bytes().first(size));
        return size;
    };
}

template <class View, class Read>
Step reading(const View& view, Read read) {
    return [frame = Frame(view), read]() mutable { return read(FrameReader(frame.bytes())).task_id.size(); };
}

std::map<std::string, Step, std::less<>> makeSteps() {
    return {
        {"encode_task", encoding(makeTask())},
        {"peek_task", reading(makeTask(), &peekTask)},
        {"decode_task", reading(makeTask(), &decodeTask)},
        {"encode_result", encoding(makeResult())},
        {"peek_result", reading(makeResult(), &peekTaskResult)},
        {"decode_result", reading(makeResult(), &decodeTaskResult)},
    };
}

}  // namespace

int main(int count, char** arguments) {
    const auto steps = makeSteps();
    if (count == 1) {
        for (const auto& [name, step] : steps) {
            std::printf("%s\n", name.c_str());
        }
        return 0;
    }
    const std::string_view name = arguments[1], number = count > 2 ? arguments[2] : "1";
    const auto step = steps.find(name);
    unsigned repetitions = 0;
    std::from_chars(number.data(), number.data() + number.size(), repetitions);
    if (step == steps.end() || repetitions == 0) {
        std::fprintf(stderr, "usage: codec_steps [STEP [REPETITIONS]]\n");
        return 2;
    }
    std::size_t sum = 0;  // what is read is used, so that nothing is optimised away
    for (unsigned i = 0; i < repetitions; ++i) {
        sum += step->second();
    }
    return sum == 0 ? 1 : 0;
}
