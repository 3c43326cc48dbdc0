// What CPython offers as macros, which its stable ABI lacks. Nothing is checked: the caller knows type and index.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <string_view>

namespace scaler::bindings {

// The content of an object of type bytes, valid as long as the object lives.
inline std::string_view viewOfBytes(PyObject* bytes) noexcept {
#if defined(Py_LIMITED_API)
    return {PyBytes_AsString(bytes), static_cast<std::size_t>(PyBytes_Size(bytes))};
#else
    return {PyBytes_AS_STRING(bytes), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes))};
#endif
}

// The memory of a bytes object that nobody else knows yet.
inline char* memoryOfBytes(PyObject* bytes) noexcept {
#if defined(Py_LIMITED_API)
    return PyBytes_AsString(bytes);
#else
    return PyBytes_AS_STRING(bytes);
#endif
}

// The number of items of what PySequence_Fast returned, a list or a tuple.
inline Py_ssize_t sizeOfFast(PyObject* sequence) noexcept {
#if defined(Py_LIMITED_API)
    return Py_SIZE(sequence);
#else
    return PySequence_Fast_GET_SIZE(sequence);
#endif
}

// An item, borrowed, of what PySequence_Fast returned.
inline PyObject* itemOfFast(PyObject* sequence, Py_ssize_t index) noexcept {
#if defined(Py_LIMITED_API)
    return PyList_Check(sequence) ? PyList_GetItem(sequence, index) : PyTuple_GetItem(sequence, index);
#else
    return PySequence_Fast_GET_ITEM(sequence, index);
#endif
}

}  // namespace scaler::bindings
