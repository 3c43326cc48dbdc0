// The fixed layouts of the object protocol, read from arbitrary bytes: what is read is the same when written and read,
// and the generated reader of the schema finds the same in it.
#include <capnp/serialize.h>
#include <object_storage.capnp.h>

#include <cstring>

#include "input.h"
#include "object_storage/header.h"
#include "require.h"
#include "target.h"

namespace scaler::fuzz {
namespace {

using namespace object_storage;

bool isSame(const ObjectId& id, protocol::ObjectID::Reader reader) {
    return id == ObjectId{{reader.getField0(), reader.getField1(), reader.getField2(), reader.getField3()}};
}

bool isSame(const RequestHeader& header, protocol::ObjectRequestHeader::Reader reader) {
    return isSame(header.object_id, reader.getObjectID()) && header.payload_length == reader.getPayloadLength() &&
           header.request_id == reader.getRequestID() &&
           header.type == static_cast<RequestType>(reader.getRequestType()) &&
           header.timeout_milliseconds == reader.getTimeoutMilliseconds();
}

bool isSame(const ResponseHeader& header, protocol::ObjectResponseHeader::Reader reader) {
    return isSame(header.object_id, reader.getObjectID()) && header.payload_length == reader.getPayloadLength() &&
           header.response_id == reader.getResponseID() &&
           header.type == static_cast<ResponseType>(reader.getResponseType());
}

template <class Root, class Read, class Write>
void check(ByteView bytes, Read read, Write write) {
    const auto value = read(bytes);
    if (!value) {
        return;
    }
    const auto written = write(*value);
    require(bytes.size() == written.size(), "only bytes of the fixed size are read");
    require(read(written) == value, "every field is kept");
    std::array<capnp::word, sizeof(written) / sizeof(capnp::word)> words;
    std::memcpy(words.data(), written.data(), written.size());
    capnp::FlatArrayMessageReader reader(kj::arrayPtr(words.data(), words.size()));
    require(isSame(*value, reader.getRoot<Root>()), "the fields are where the schema has them");
}

void run(Input input) {
    const auto bytes = input.rest();
    check<protocol::ObjectRequestHeader>(bytes, readRequestHeader, writeRequestHeader);
    check<protocol::ObjectResponseHeader>(bytes, readResponseHeader, writeResponseHeader);
    check<protocol::ObjectID>(bytes, readObjectIdMessage, writeObjectIdMessage);
}

}  // namespace
}  // namespace scaler::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    scaler::fuzz::run(scaler::fuzz::Input(data, size));
    return 0;
}
