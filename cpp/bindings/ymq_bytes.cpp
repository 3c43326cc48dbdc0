// Bytes and Message.
#include <cstdio>
#include <string>

#include "bindings/ymq_bindings.h"
#include "bindings/ymq_payload.h"
#include "ymq/bytes.h"

namespace nb = nanobind;

namespace scaler::bindings {

namespace {

using ymq::Bytes;

int getBuffer(PyObject* self, Py_buffer* view, int flags) {
    static const char empty = 0;
    const Bytes& bytes = *nb::inst_ptr<Bytes>(nb::handle(self));
    const void* data = bytes.data() == nullptr ? &empty : static_cast<const void*>(bytes.data());
    return PyBuffer_FillInfo(view, self, const_cast<void*>(data), static_cast<Py_ssize_t>(bytes.size()), 1, flags);
}

PyType_Slot bytes_slots[] = {
    {Py_bf_getbuffer, reinterpret_cast<void*>(&getBuffer)},
    {0, nullptr},
};

nb::object dataOf(const Bytes& bytes) {
    if (bytes.isNull()) return nb::none();
    return nb::bytes(bytes.data(), bytes.size());
}

std::string describe(const Bytes& bytes) {
    return bytes.isNull() ? "<Bytes: empty>" : "<Bytes: " + std::to_string(bytes.size()) + "b>";
}

// What a message is made of; kept as Python objects, so that a received Bytes is handed out again and not another one.
struct Message {
    nb::object address;
    nb::object payload;
};

nb::object toBytes(nb::handle value) {
    if (nb::isinstance<Bytes>(value)) return nb::borrow(value);
    return nb::cast(copyBuffer(value));
}

std::string describe(const Message& message) {
    return "<Message address=" + std::string(nb::repr(message.address).c_str()) +
           " payload=" + nb::repr(message.payload).c_str() + ">";
}

}  // namespace

void defineBytes(nb::module_& module) {
    nb::class_<Bytes>(module, "Bytes", nb::type_slots(bytes_slots),
                      "An immutable, reference-counted buffer; null and empty differ.")
        .def(
            "__init__",
            [](Bytes* self, nb::handle bytes) { new (self) Bytes(bytes.is_none() ? Bytes() : copyBuffer(bytes)); },
            nb::arg("bytes").none() = nb::none())
        .def_prop_ro("data", &dataOf, "Return a copy of the bytes, or None for the null value.")
        .def_prop_ro("len", &Bytes::size, "Return the number of bytes.")
        .def("__len__", &Bytes::size)
        .def("__repr__", [](const Bytes& self) { return nb::str(describe(self).c_str()); });
    nb::class_<Message>(module, "Message", "A payload, and the identity of the peer it goes to or came from.")
        .def(
            "__init__",
            [](Message* self, nb::handle address, nb::handle payload) {
                nb::object target = address.is_none() ? nb::none() : toBytes(address);
                new (self) Message{std::move(target), toBytes(payload)};
            },
            nb::arg("address").none(), nb::arg("payload"))
        .def_prop_ro("address", [](const Message& self) { return self.address; })
        .def_prop_ro("payload", [](const Message& self) { return self.payload; })
        .def("__repr__", [](const Message& self) { return nb::str(describe(self).c_str()); });
}

}  // namespace scaler::bindings
