// Messages of any kind as dictionaries, by means of the schema at run time: for those that are sent once in a while.
#include <capnp/dynamic.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <nanobind/nanobind.h>

#include <cstring>
#include <string>

#include "bindings/codec_bindings.h"
#include "bindings/codec_values.h"
#include "protocol/fields.h"
#include "protocol/guarded.h"

using namespace nanobind::literals;

namespace scaler::bindings {

namespace {

using capnp::DynamicList;
using capnp::DynamicStruct;
using capnp::DynamicValue;
using capnp::StructSchema;
using Kind = capnp::schema::Type;

nb::object toPython(DynamicValue::Reader value);

void put(nb::dict& fields, DynamicStruct::Reader reader, StructSchema::Field field) {
    fields[field.getProto().getName().cStr()] = toPython(reader.get(field));
}

nb::dict toDict(DynamicStruct::Reader reader) {
    nb::dict fields;
    const auto schema = reader.getSchema();
    for (const auto field : schema.getNonUnionFields()) {
        put(fields, reader, field);
    }
    return fields;
}

nb::object toPython(DynamicValue::Reader value) {
    switch (value.getType()) {
        case DynamicValue::BOOL:
            return nb::bool_(value.as<bool>());
        case DynamicValue::INT:
            return nb::int_(value.as<std::int64_t>());
        case DynamicValue::UINT:
            return nb::int_(value.as<std::uint64_t>());
        case DynamicValue::FLOAT:
            return nb::float_(value.as<double>());
        case DynamicValue::TEXT:
            return toText(protocol::fromText(value.as<capnp::Text>()));
        case DynamicValue::DATA:
            return toBytes(protocol::fromData(value.as<capnp::Data>()));
        case DynamicValue::STRUCT:
            return toDict(value.as<DynamicStruct>());
        case DynamicValue::LIST: {
            const auto elements = value.as<DynamicList>();
            protocol::requireStructs(elements);
            nb::list list;
            for (const auto element : elements) {
                list.append(toPython(element));
            }
            return list;
        }
        case DynamicValue::ENUM:
            KJ_IF_MAYBE (enumerant, value.as<capnp::DynamicEnum>().getEnumerant()) {
                return nb::str(enumerant->getProto().getName().cStr());
            }
            return nb::int_(value.as<capnp::DynamicEnum>().getRaw());  // a value of a later version
        default:
            return nb::none();
    }
}

void fill(DynamicStruct::Builder builder, const nb::dict& fields);
void fill(DynamicList::Builder builder, const nb::sequence& elements);

template <class Number>
Number number(const char* name, nb::handle value) {
    Number result{};
    if (!nb::try_cast(value, result)) {
        throw protocol::CodecError(std::string(name) + " has a value that does not fit");
    }
    return result;
}

// Calls `set` with the value as the library takes it, valid during the call. Structs and lists are filled in place.
template <class Set>
void setPlain(const char* name, capnp::Type type, nb::handle value, Set&& set) {
    switch (type.which()) {
        case Kind::TEXT: {
            // The library's reader demands a zero byte behind the text, which Python's own form of it has.
            const auto text = viewOf(typed<nb::str>(name, value));
            return set(capnp::Text::Reader(text.data(), text.size()));
        }
        case Kind::DATA:
            return set(protocol::toData(viewOf(typed<nb::bytes>(name, value))));
        case Kind::ENUM:
            return set(capnp::Text::Reader(nb::cast<const char*>(typed<nb::str>(name, value))));
        case Kind::BOOL:
            return set(nb::cast<bool>(typed<nb::bool_>(name, value)));
        case Kind::FLOAT32:
        case Kind::FLOAT64:
            return set(number<double>(name, value));
        case Kind::UINT64:
            return set(number<std::uint64_t>(name, value));
        default:
            return set(number<std::int64_t>(name, value));
    }
}

void setField(DynamicStruct::Builder builder, StructSchema::Field field, const char* name, nb::handle value) {
    const auto type = field.getType();
    if (type.isStruct()) {
        fill(builder.init(field).as<DynamicStruct>(), typed<nb::dict>(name, value));
    } else if (type.isList()) {
        const auto elements = typed<nb::sequence>(name, value);
        fill(builder.init(field, static_cast<unsigned>(nb::len(elements))).as<DynamicList>(), elements);
    } else {
        setPlain(name, type, value, [&](const auto& plain) { builder.set(field, plain); });
    }
}

void fill(DynamicStruct::Builder builder, const nb::dict& fields) {
    for (const auto [key, value] : fields) {
        const auto name = nb::cast<const char*>(typed<nb::str>("a field's name", key));
        setField(builder, builder.getSchema().getFieldByName(name), name, value);
    }
}

// Sets an element of a list to a struct that was encoded by itself.
void setEncoded(DynamicList::Builder builder, unsigned index, const nb::bytes& element) {
    const auto bytes = viewOf(element);
    if (bytes.size() % sizeof(capnp::word) != 0) throw protocol::CodecError("an element is not a whole struct");
    auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
    std::memcpy(words.begin(), bytes.data(), bytes.size());
    capnp::FlatArrayMessageReader reader(words);
    builder.set(index, reader.getRoot<DynamicStruct>(builder.getSchema().getStructElementType()));
}

void fill(DynamicList::Builder builder, const nb::sequence& elements) {
    const auto type = builder.getSchema().getElementType();
    unsigned index = 0;
    for (const auto element : elements) {
        if (type.isStruct() && nb::isinstance<nb::bytes>(element)) {
            setEncoded(builder, index, nb::borrow<nb::bytes>(element));
        } else if (type.isStruct()) {
            fill(builder[index].as<DynamicStruct>(), typed<nb::dict>("an element", element));
        } else {
            setPlain("an element", type, element, [&](const auto& plain) { builder.set(index, plain); });
        }
        ++index;
    }
}

nb::bytes toBytes(capnp::MessageBuilder& message) {
    const auto words = capnp::messageToFlatArray(message);
    const auto bytes = words.asBytes();
    return nb::bytes(bytes.begin(), bytes.size());
}

nb::bytes encodeAny(const char* member, const nb::dict& fields) {
    return protocol::guarded(member, [&] {
        capnp::MallocMessageBuilder message;
        DynamicStruct::Builder root = message.initRoot<::Message>();
        const auto field = root.getSchema().getFieldByName(member);
        fill(root.init(field).as<DynamicStruct>(), fields);
        return toBytes(message);
    });
}

nb::bytes encodeWorkerStatus(const nb::dict& fields) {
    return protocol::guarded("a worker's status", [&] {
        capnp::MallocMessageBuilder message;
        fill(message.initRoot<DynamicStruct>(capnp::Schema::from<::WorkerStatus>()), fields);
        return toBytes(message);
    });
}

nb::tuple decodeAny(nb::handle object) {
    const FrameBuffer buffer(object);
    const protocol::FrameReader frame(buffer.bytes());
    return protocol::guarded("malformed message", [&] {
        const DynamicStruct::Reader root = frame.message();
        KJ_IF_MAYBE (field, root.which()) {
            return nb::make_tuple(field->getProto().getName().cStr(), toPython(root.get(*field)));
        }
        throw protocol::CodecError("malformed message: its kind is unknown");
    });
}

}  // namespace

void defineAny(nb::module_& module) {
    module.def("encode_any", &encodeAny, "member"_a, "fields"_a);
    module.def("encode_worker_status", &encodeWorkerStatus, "fields"_a);
    module.def("decode_any", &decodeAny, "frame"_a);
}

}  // namespace scaler::bindings
