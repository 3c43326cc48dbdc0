// The fixed layouts of the object protocol, read from arbitrary bytes: what is read is the same when written and read.
#include "input.h"
#include "object_storage/header.h"
#include "require.h"
#include "target.h"

namespace scaler::fuzz {
namespace {

using namespace object_storage;

template <class Read, class Write>
void check(ByteView bytes, std::size_t size, Read read, Write write) {
    const auto value = read(bytes);
    if (value) {
        require(bytes.size() == size, "only bytes of the fixed size are read");
        require(read(write(*value)) == value, "every field is kept");
    }
}

void run(Input input) {
    const auto bytes = input.rest();
    check(bytes, kHeaderBytes, readRequestHeader, writeRequestHeader);
    check(bytes, kHeaderBytes, readResponseHeader, writeResponseHeader);
    check(bytes, kObjectIdMessageBytes, readObjectIdMessage, writeObjectIdMessage);
}

}  // namespace
}  // namespace scaler::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    scaler::fuzz::run(scaler::fuzz::Input(data, size));
    return 0;
}
