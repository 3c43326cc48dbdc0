// The Python class Port: a socket for other extension modules, which take one and call it without Python.
#pragma once

#include <memory>

#include "ymq/port.h"

namespace scaler::bindings {

struct Port {
    std::shared_ptr<ymq::Port> native;
};

}  // namespace scaler::bindings
