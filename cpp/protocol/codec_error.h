// The one error of the codec.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace scaler::protocol {

// The bytes are not a message of the schema, or a value does not fit its field.
class CodecError : public std::runtime_error {
public:
    // Descriptions may quote a message: whatever is not printable ASCII is replaced.
    explicit CodecError(std::string text) : std::runtime_error(printable(std::move(text))) {}

private:
    static std::string printable(std::string text) {
        for (auto& character : text) {
            if (character < ' ' || character > '~') {
                character = '?';
            }
        }
        return text;
    }
};

}  // namespace scaler::protocol
