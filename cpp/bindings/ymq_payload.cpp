// Taking buffers from Python.
#include "bindings/ymq_payload.h"

#include <memory>

#include "bindings/stable_abi.h"
#include "bindings/ymq_released.h"

namespace nb = nanobind;

namespace scaler::bindings {

namespace {

std::span<const std::byte> spanOf(const void* data, Py_ssize_t size) {
    return {static_cast<const std::byte*>(data), static_cast<std::size_t>(size)};
}

}  // namespace

ymq::Bytes copyBuffer(nb::handle value) {
    Py_buffer view;
    if (PyObject_GetBuffer(value.ptr(), &view, PyBUF_SIMPLE) != 0) throw nb::python_error();
    ymq::Bytes bytes = ymq::Bytes::copy(spanOf(view.buf, view.len));
    PyBuffer_Release(&view);
    return bytes;
}

Payload::Payload(nb::handle value) {
    try {
        if (!PyList_Check(value.ptr()) && !PyTuple_Check(value.ptr())) {
            add(value);
            return;
        }
        // The caller's list may change as soon as the GIL is released.
        items_ = nb::steal(PySequence_Tuple(value.ptr()));
        if (!items_.is_valid()) throw nb::python_error();
        const Py_ssize_t number = NB_TUPLE_GET_SIZE(items_.ptr());
        parts_.reserve(static_cast<std::size_t>(number));
        for (Py_ssize_t index = 0; index < number; ++index) add(NB_TUPLE_GET_ITEM(items_.ptr(), index));
    } catch (...) {
        releaseViews();
        throw;
    }
}

Payload::~Payload() { releaseViews(); }

void Payload::releaseViews() noexcept {
    for (Py_buffer* view : views_) {
        PyBuffer_Release(view);
        delete view;
    }
    views_.clear();
}

void Payload::add(nb::handle value) {
    PyObject* object = value.ptr();
    const bool is_bytes = PyBytes_CheckExact(object);
    if (is_bytes && viewOfBytes(object).size() < kReferredBytes) {
        // The reference of the caller, or that of items_, lasts until the parts have been copied.
        parts_.emplace_back(std::as_bytes(std::span(viewOfBytes(object))));
    } else if (!is_bytes && nb::isinstance<ymq::Bytes>(value)) {
        parts_.emplace_back(*nb::inst_ptr<ymq::Bytes>(value));
    } else {
        auto view = std::make_unique<Py_buffer>();
        if (PyObject_GetBuffer(object, view.get(), PyBUF_SIMPLE) != 0) throw nb::python_error();
        const std::span<const std::byte> data = spanOf(view->buf, view->len);
        if (data.size() < kReferredBytes) {
            parts_.emplace_back(data);
            views_.push_back(view.release());
        } else {
            const auto release = [](void* owner) noexcept { releaseLater(static_cast<Py_buffer*>(owner)); };
            parts_.emplace_back(ymq::Bytes::external(data.data(), data.size(), release, view.get()));
            (void)view.release();
        }
    }
    size_ += parts_.back().data.size();
}

}  // namespace scaler::bindings
