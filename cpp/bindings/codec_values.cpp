// Buffers, texts, lists and numbers of Python, and what every message class has.
#include "bindings/codec_values.h"

namespace scaler::bindings {

namespace {

constexpr std::size_t kFieldReprLimit = 80;

using protocol::CodecError;

// Returns the first bytes of a text that is UTF-8, whole characters only.
std::string_view beginOf(std::string_view text, std::size_t limit) {
    constexpr unsigned kContinuationMask = 0xC0;
    constexpr unsigned kContinuation = 0x80;
    if (text.size() <= limit) {
        return text;
    }
    while (limit > 0 && (static_cast<unsigned char>(text[limit]) & kContinuationMask) == kContinuation) {
        --limit;
    }
    return text.substr(0, limit);
}

}  // namespace

FrameBuffer::FrameBuffer(nb::handle object) {
    if (PyBytes_Check(object.ptr())) {
        bytes_ = std::as_bytes(std::span(viewOfBytes(object.ptr())));
        return;
    }
    if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_SIMPLE) != 0) {
        throw nb::python_error();
    }
    held_ = true;
    bytes_ = {static_cast<const std::byte*>(buffer_.buf), static_cast<std::size_t>(buffer_.len)};
}

FrameBuffer::~FrameBuffer() {
    if (held_) {
        PyBuffer_Release(&buffer_);
    }
}

nb::bytes bytesOf(nb::handle object) {
    if (PyBytes_Check(object.ptr())) {
        return nb::borrow<nb::bytes>(object);
    }
    const FrameBuffer buffer(object);
    return nb::bytes(buffer.bytes().data(), buffer.bytes().size());
}

nb::str toText(std::string_view text) {
    PyObject* result = PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
    if (result == nullptr) {
        PyErr_Clear();
        throw CodecError("malformed message: a text is not UTF-8");
    }
    return nb::steal<nb::str>(result);
}

std::string_view viewOf(const nb::str& text) {
    Py_ssize_t size = 0;
    const char* utf8 = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (utf8 == nullptr) {
        PyErr_Clear();
        throw CodecError("a text with lone surrogates has no UTF-8 form");
    }
    return {utf8, static_cast<std::size_t>(size)};
}

std::vector<nb::bytes> bytesListOf(const char* field, nb::handle sequence) {
    std::vector<nb::bytes> list;
    for (const auto element : sequence) {
        list.push_back(typed<nb::bytes>(field, element));
    }
    return list;
}

std::vector<nb::bytes> toBytesList(const std::vector<std::string_view>& views) {
    std::vector<nb::bytes> list;
    list.reserve(views.size());
    for (const auto view : views) {
        list.push_back(toBytes(view));
    }
    return list;
}

std::vector<std::string_view> viewsOf(const std::vector<nb::bytes>& list) {
    std::vector<std::string_view> views;
    views.reserve(list.size());
    for (const auto& bytes : list) {
        views.push_back(viewOf(bytes));
    }
    return views;
}

void throwNotFitting(const char* field, std::int64_t minimum, std::uint64_t maximum) {
    throw CodecError(std::string(field) + " must be within " + std::to_string(minimum) + " and " +
                     std::to_string(maximum));
}

std::int64_t integerOf(nb::int_ value, bool& fits) {
    int overflow = 0;
    const auto integer = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
    fits = overflow == 0;
    return integer;
}

nb::object equalFields(nb::handle left, nb::handle right, std::span<const char* const> fields) {
    if (!left.type().is(right.type())) {
        return nb::borrow(Py_NotImplemented);
    }
    for (const char* field : fields) {
        if (!left.attr(field).equal(right.attr(field))) {
            return nb::bool_(false);
        }
    }
    return nb::bool_(true);
}

nb::str reprOfFields(nb::handle value, std::span<const char* const> fields) {
    std::string text = std::string(nb::str(value.type().attr("__name__")).c_str()) + "(";
    for (const char* field : fields) {
        std::string content = nb::repr(value.attr(field)).c_str();
        if (content.size() > kFieldReprLimit) {
            content = std::string(beginOf(content, kFieldReprLimit)) + "...";
        }
        text += std::string(text.back() == '(' ? "" : ", ") + field + "=" + content;
    }
    text += ")";
    return nb::str(text.c_str());
}

}  // namespace scaler::bindings
