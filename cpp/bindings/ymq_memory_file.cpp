// Memory files for Python.
#include <nanobind/nanobind.h>

#include <span>
#include <system_error>
#include <vector>

#include "bindings/ymq_bindings.h"
#include "bindings/ymq_payload.h"
#include "bindings/ymq_released.h"
#include "ymq/memory_file.h"

namespace nb = nanobind;

namespace scaler::bindings {

namespace {

// Raises OSError for what the system refuses.
template <typename Call>
auto callSystem(const Call& call) {
    try {
        return call();
    } catch (const std::system_error& error) {
        PyErr_SetObject(PyExc_OSError, nb::make_tuple(error.code().value(), error.what()).ptr());
        throw nb::python_error();
    }
}

ymq::NativeSocket write(nb::handle value) {
    const Payload payload(value);
    std::vector<std::span<const std::byte>> parts;
    for (const ymq::MessagePart& part : payload.parts()) parts.push_back(part.data);
    return callSystem([&parts] {
        const nb::gil_scoped_release released;
        return ymq::writeMemoryFile(parts).release();
    });
}

ymq::Bytes map(int descriptor, std::size_t size) {
    return callSystem([&] { return ymq::mapMemoryFile(descriptor, size); });
}

}  // namespace

void defineMemoryFile(nb::module_& module) {
    module.def("write_memory_file", &write, nb::arg("payload"),
               "Write a payload to a new, sealed memory file and return its descriptor.");
    module.def("map_memory_file", &map, nb::arg("descriptor"), nb::arg("size_bytes"),
               "Return the first bytes of a sealed memory file as private memory.");
}

}  // namespace scaler::bindings
