// Reading every field of a message by means of its schema.
#include "protocol/validation.h"

#include <capnp/dynamic.h>

#include "protocol/fields.h"
#include "protocol/guarded.h"
#include "protocol/utf8.h"

namespace scaler::protocol {

namespace {

void readValue(capnp::DynamicValue::Reader value);

// How deep structs nest is bounded by the nesting limit of the reader.
void readStruct(capnp::DynamicStruct::Reader reader) {
    const auto schema = reader.getSchema();
    for (const auto field : schema.getNonUnionFields()) {
        readValue(reader.get(field));
    }
    if (schema.getUnionFields().size() > 0) {
        KJ_IF_MAYBE (field, reader.which()) {
            readValue(reader.get(*field));
        } else {
            throw CodecError("malformed message: its kind is unknown");
        }
    }
}

void readList(capnp::DynamicList::Reader list) {
    requireStructs(list);
    for (const auto element : list) {
        readValue(element);
    }
}

void readValue(capnp::DynamicValue::Reader value) {
    switch (value.getType()) {
        case capnp::DynamicValue::STRUCT:
            return readStruct(value.as<capnp::DynamicStruct>());
        case capnp::DynamicValue::LIST:
            return readList(value.as<capnp::DynamicList>());
        case capnp::DynamicValue::TEXT:
            if (!isUtf8(fromText(value.as<capnp::Text>()))) {
                throw CodecError("malformed message: a text is not UTF-8");
            }
            return;
        default:
            return;  // reading the value itself was all there is to check
    }
}

}  // namespace

void validate(const FrameReader& frame) {
    guarded("malformed message", [&] { readStruct(frame.message()); });
}

}  // namespace scaler::protocol
