// Memory files for Python.
#include <nanobind/nanobind.h>

#include <span>
#include <system_error>
#include <vector>

#include "bindings/exit_guard.h"
#include "bindings/os_error.h"
#include "bindings/ymq_bindings.h"
#include "bindings/ymq_payload.h"
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
        setOsError(error);
        throw nb::python_error();
    }
}

ymq::NativeSocket write(nb::handle value) {
    const Payload payload(value);
    std::vector<std::span<const std::byte>> parts;
    for (const ymq::MessagePart& part : payload.parts()) parts.push_back(part.data);
    return callSystem([&parts] {
        const Unlocked unlocked;
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
