// Moves bytes, text and lists between views and the schema's readers and builders.
#pragma once

#include <capnp/any.h>
#include <capnp/blob.h>
#include <capnp/dynamic.h>
#include <capnp/list.h>

#include <span>
#include <string_view>
#include <vector>

#include "protocol/codec_error.h"

namespace scaler::protocol {

inline capnp::Data::Reader toData(std::string_view bytes) {
    return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}

inline std::string_view fromData(capnp::Data::Reader bytes) {
    return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

inline std::string_view fromText(capnp::Text::Reader text) { return {text.begin(), text.size()}; }

// The library copies texts by their length, but its reader type demands a zero byte behind them.
inline void fillText(capnp::Text::Builder builder, std::string_view text) { text.copy(builder.begin(), text.size()); }

inline void fillDataList(capnp::List<capnp::Data>::Builder builder, std::span<const std::string_view> elements) {
    for (unsigned i = 0; i < elements.size(); ++i) {
        builder.set(i, toData(elements[i]));
    }
}

inline std::vector<std::string_view> fromDataList(capnp::List<capnp::Data>::Reader list) {
    std::vector<std::string_view> elements;
    elements.reserve(list.size());
    for (const auto element : list) {
        elements.push_back(fromData(element));
    }
    return elements;
}

// Refuses what only looks like a struct with pointers. Cap'n Proto lets a list of structs be read from a list of plain
// values, so that each byte of a frame would become a struct, hundreds of times its size.
inline void requirePointers(capnp::AnyStruct::Reader element) {
    if (element.getPointerSection().size() == 0) {
        throw CodecError("malformed message: a list of structs holds plain values");
    }
}

// The list, whose elements are structs with pointers.
template <class Struct>
typename capnp::List<Struct>::Reader structs(typename capnp::List<Struct>::Reader list) {
    if (list.size() > 0) requirePointers(capnp::AnyStruct::Reader(list[0]));  // all elements have one layout
    return list;
}

// The same for a list whose type only the schema tells.
inline void requireStructs(capnp::DynamicList::Reader list) {
    const auto type = list.getSchema().getElementType();
    if (list.size() > 0 && type.isStruct() && type.asStruct().getProto().getStruct().getPointerCount() > 0) {
        requirePointers(list[0].as<capnp::DynamicStruct>().as<capnp::AnyStruct>());
    }
}

}  // namespace scaler::protocol
