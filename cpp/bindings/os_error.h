// What the system refuses is an OSError with its number, as everywhere in Python.
#pragma once

#include <nanobind/nanobind.h>

#include <system_error>

namespace scaler::bindings {

inline void setOsError(const std::system_error& error) {
    PyErr_SetObject(PyExc_OSError, nanobind::make_tuple(error.code().value(), error.what()).ptr());
}

}  // namespace scaler::bindings
