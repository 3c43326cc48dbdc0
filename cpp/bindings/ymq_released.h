// Python objects whose last native user may be the I/O thread, which never takes the GIL.
#pragma once

#include <nanobind/nanobind.h>

namespace scaler::bindings {

// Leaves an object to be released under the GIL later: at the next call of the module, or by a pending call of the
// interpreter. May be called on any thread, with or without the GIL.
void releaseLater(PyObject* object) noexcept;

// The same for an exported buffer, which is freed with delete.
void releaseLater(Py_buffer* buffer) noexcept;

// Releases what was left; needs the GIL. Cheap when there is nothing.
void releaseNow();

// Nothing is released any more: the interpreter is about to end.
void stopReleasing() noexcept;

}  // namespace scaler::bindings
