// The reader of frames, in both framings: however a stream is cut into reads, its frames are those that a simple parser
// finds in the whole stream, and neither an announced length nor an idle connection takes memory.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "input.h"
#include "require.h"
#include "target.h"
#include "ymq/frame_reader.h"

namespace scaler::fuzz {
namespace {

using ymq::FrameReader;
using Status = FrameReader::Status;

// Larger than the largest block of the reader, and quick to go through in few reads.
constexpr std::size_t kLargestStreamBytes = 384 * 1024;
constexpr std::size_t kMostReads = 2000;
constexpr std::array<std::uint64_t, 6> kLimits{80, 1024, 4096, 100'000, 1 << 20, UINT64_MAX};

// What the parser of the whole stream found, and how it ended.
struct Expected {
    std::vector<std::pair<ymq::FrameKind, std::span<const std::byte>>> frames;
    Status end = Status::needMore;
};

// How a connection is read: its first frame may be plain, as the identity of a peer that was connected to is.
struct Framing {
    bool kinds = false;
    bool first_is_plain = false;
    std::uint64_t limit = 0;

    FrameReader::Mode modeOf(std::size_t number) const {
        return kinds && !(first_is_plain && number == 0) ? FrameReader::Mode::kinds : FrameReader::Mode::plain;
    }
};

// The stream is made of pieces, so that frames larger than the input occur: announced lengths with filler behind them.
std::vector<std::byte> streamOf(Input& input) {
    std::vector<std::byte> stream;
    const auto append = [&](std::span<const std::byte> bytes) {
        stream.insert(stream.end(), bytes.begin(), bytes.end());
    };
    while (!input.empty() && stream.size() < kLargestStreamBytes) {
        const auto piece = input.number<std::uint8_t>();
        const auto kind = static_cast<ymq::FrameKind>(piece >> 4);
        switch (piece & 3) {
            case 0:
                append(input.bytes(input.number<std::uint8_t>()));
                break;
            case 1:
                append(ymq::encodeHeader(kind, input.number<std::uint64_t>()));
                break;
            case 2: {
                const auto payload = input.bytes(input.number<std::uint8_t>());
                append(ymq::encodeHeader(kind, payload.size()));
                append(payload);
                break;
            }
            default: {
                const std::size_t size = std::size_t{input.number<std::uint16_t>()} * 5;
                append(ymq::encodeHeader(kind, size));
                stream.resize(std::min(kLargestStreamBytes, stream.size() + size), std::byte{piece});
            }
        }
    }
    return stream;
}

Expected parseWhole(std::span<const std::byte> stream, const Framing& framing) {
    Expected expected;
    while (stream.size() >= ymq::kHeaderBytes) {
        std::uint64_t length = 0;
        std::memcpy(&length, stream.data(), sizeof(length));
        std::uint64_t limit = framing.limit;
        auto kind = ymq::FrameKind::data;
        if (framing.modeOf(expected.frames.size()) == FrameReader::Mode::kinds) {
            if ((length >> 56) > ymq::kLastFrameKind) {
                expected.end = Status::unknownKind;
                return expected;
            }
            kind = static_cast<ymq::FrameKind>(length >> 56);
            length &= ymq::kLengthMask;
            limit = kind == ymq::FrameKind::data ? limit : std::min(limit, ymq::kMaximumControlBytes);
        }
        if (length > limit) {
            expected.end = Status::tooLarge;
            return expected;
        }
        if (length > stream.size() - ymq::kHeaderBytes) {
            return expected;
        }
        expected.frames.emplace_back(kind, stream.subspan(ymq::kHeaderBytes, length));
        stream = stream.subspan(ymq::kHeaderBytes + length);
    }
    return expected;
}

// Reads as a connection does: some bytes, then all frames that are complete.
class Connection {
public:
    Connection(const Framing& framing, const Expected& expected)
        : framing_(framing), expected_(expected), reader_(framing.modeOf(0)) {}

    // Returns how many bytes were taken.
    std::size_t read(std::span<const std::byte> bytes) {
        const std::span<std::byte> memory = reader_.prepare();
        require(!memory.empty(), "there is memory to read into");
        require(memory.size() <= FrameReader::kLargestReadBytes, "a read is bounded");
        const std::size_t size = std::min(memory.size(), bytes.size());
        if (size > 0) {
            std::memcpy(memory.data(), bytes.data(), size);
        }
        reader_.commit(size);
        return size;
    }

    // Returns how the frames ended.
    Status takeFrames() {
        while (true) {
            ymq::Frame frame;
            const Status status = reader_.next(framing_.limit, frame);
            if (status != Status::frame) {
                return status;
            }
            require(taken_ < expected_.frames.size(), "no frame is made up");
            const auto& [kind, payload] = expected_.frames[taken_];
            require(frame.kind == kind, "a frame is of the kind it was sent as");
            require(std::ranges::equal(frame.payload.span(), payload), "a frame holds the bytes that were sent");
            reader_.setMode(framing_.modeOf(++taken_));
        }
    }

    std::size_t taken() const { return taken_; }
    bool isInsideFrame() const { return reader_.insideFrame(); }

private:
    const Framing& framing_;
    const Expected& expected_;
    FrameReader reader_;
    std::size_t taken_ = 0;
};

void run(Input input) {
    const auto flags = input.number<std::uint8_t>();
    const Framing framing{
        .kinds = (flags & 1) != 0, .first_is_plain = (flags & 2) != 0, .limit = kLimits[(flags >> 2) % kLimits.size()]};
    const auto cuts = input.bytes(input.number<std::uint8_t>() % 16);
    const std::vector<std::byte> stream = streamOf(input);
    const Expected expected = parseWhole(stream, framing);
    std::size_t whole_bytes = 0;
    for (const auto& [kind, payload] : expected.frames) {
        whole_bytes += ymq::kHeaderBytes + payload.size();
    }

    Connection connection(framing, expected);
    std::span<const std::byte> rest = stream;
    auto end = Status::needMore;
    for (std::size_t turn = 0; !rest.empty() && end == Status::needMore; ++turn) {
        const auto cut = cuts.empty() ? std::uint8_t{255} : static_cast<std::uint8_t>(cuts[turn % cuts.size()]);
        // Few large cuts keep a long stream of filler quick; small ones fall on every place of a header.
        const std::size_t wanted = cut < 200 ? std::size_t{cut} + 1 : std::size_t{cut} * cut;
        const std::size_t size = std::max(wanted, stream.size() / kMostReads);
        rest = rest.subspan(connection.read(rest.first(std::min(size, rest.size()))));
        end = connection.takeFrames();
    }
    require(end == expected.end, "the stream ends as the whole stream does");
    require(connection.taken() == expected.frames.size(), "no frame is lost");
    if (end == Status::needMore) {
        require(connection.isInsideFrame() == (whole_bytes != stream.size()), "a frame in part is known as such");
    }
}

}  // namespace
}  // namespace scaler::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    scaler::fuzz::run(scaler::fuzz::Input(data, size));
    return 0;
}
