// The one error of the codec.
#pragma once

#include <stdexcept>
#include <string>

namespace scaler::protocol {

// The bytes are not a message of the schema, or a value does not fit its field.
class CodecError : public std::runtime_error {
public:
    explicit CodecError(const std::string& text) : std::runtime_error(text) {}
};

}  // namespace scaler::protocol
