// Turns the exceptions of the Cap'n Proto library into ours; nothing else catches them.
#pragma once

#include <kj/exception.h>

#include <string>
#include <utility>

#include "protocol/codec_error.h"

namespace scaler::protocol {

// Runs the function, and throws CodecError when the library refuses the bytes or the values.
template <class Function>
auto guarded(const char* what, Function&& function) {
    try {
        return std::forward<Function>(function)();
    } catch (const kj::Exception& error) {
        throw CodecError(std::string(what) + ": " + error.getDescription().cStr());
    }
}

}  // namespace scaler::protocol
