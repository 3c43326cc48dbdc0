// Conversions between Python's values and the views of the codec.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bindings/stable_abi.h"
#include "protocol/codec_error.h"

namespace scaler::bindings {

namespace nb = nanobind;

// The bytes of any object with a buffer, valid as long as this lives. Throws TypeError for other objects.
class FrameBuffer {
public:
    explicit FrameBuffer(nb::handle object);
    ~FrameBuffer();
    FrameBuffer(const FrameBuffer&) = delete;
    FrameBuffer& operator=(const FrameBuffer&) = delete;

    std::span<const std::byte> bytes() const { return bytes_; }

private:
    Py_buffer buffer_;
    bool held_ = false;
    std::span<const std::byte> bytes_;
};

inline std::string_view viewOf(const nb::bytes& bytes) { return viewOfBytes(bytes.ptr()); }

inline nb::bytes toBytes(std::string_view bytes) { return nb::bytes(bytes.data(), bytes.size()); }

// Returns the object itself when it is a bytes object, and a copy of its buffer otherwise.
nb::bytes bytesOf(nb::handle object);

// Text is UTF-8 on the wire; what is not throws CodecError, in both directions.
nb::str toText(std::string_view text);
std::string_view viewOf(const nb::str& text);

std::vector<nb::bytes> bytesListOf(const char* field, nb::handle sequence);
std::vector<nb::bytes> toBytesList(const std::vector<std::string_view>& views);
std::vector<std::string_view> viewsOf(const std::vector<nb::bytes>& list);

template <class Element>
nb::list toList(const std::vector<Element>& elements) {
    nb::list list;
    for (const auto& element : elements) {
        list.append(element);
    }
    return list;
}

// Returns the object as a type of Python. Throws TypeError when it is of another type.
template <class Type>
Type typed(const char* field, nb::handle object) {
    if (!nb::isinstance<Type>(object)) {
        throw nb::type_error((std::string(field) + " has a value of a wrong type").c_str());
    }
    return nb::borrow<Type>(object);
}

[[noreturn]] void throwNotFitting(const char* field, std::int64_t minimum, std::uint64_t maximum);
std::int64_t integerOf(nb::int_ value, bool& fits);

// Returns the value as the type of its field. Throws CodecError when it does not fit.
template <class Integer>
Integer fitting(const char* field, nb::int_ value) {
    bool fits = true;
    const auto integer = integerOf(value, fits);
    if (!fits || integer < static_cast<std::int64_t>(std::numeric_limits<Integer>::min()) ||
        integer > static_cast<std::int64_t>(std::numeric_limits<Integer>::max())) {
        throwNotFitting(field, std::numeric_limits<Integer>::min(), std::numeric_limits<Integer>::max());
    }
    return static_cast<Integer>(integer);
}

// Encodes straight into the memory of a new bytes object.
template <class View>
nb::bytes encodeView(const View& view) {
    const auto size = encodedSizeBytes(view);
    auto frame = nb::steal<nb::bytes>(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
    if (!frame.is_valid()) {
        throw nb::python_error();
    }
    encode(view, std::as_writable_bytes(std::span(memoryOfBytes(frame.ptr()), size)));
    return frame;
}

// Whether two values are equal field by field; NotImplemented for values of other types.
nb::object equalFields(nb::handle left, nb::handle right, std::span<const char* const> fields);
// The constructor call that makes the value; long fields are shortened.
nb::str reprOfFields(nb::handle value, std::span<const char* const> fields);

// Gives a class what every message has beside its fields: comparison by value, and a text that names them.
template <class Class, std::size_t size>
void defineValue(nb::class_<Class>& type, const char* const (&fields)[size]) {
    const std::span<const char* const> names(fields);
    type.def("__eq__", [names](nb::handle self, nb::handle other) { return equalFields(self, other, names); });
    type.def("__repr__", [names](nb::handle self) { return reprOfFields(self, names); });
    type.attr("__hash__") = nb::none();
}

}  // namespace scaler::bindings
