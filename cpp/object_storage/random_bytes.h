// Bytes that nobody can guess, from the system.
#pragma once

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>

namespace scaler::object_storage {

// Throws std::system_error.
template <typename Element, std::size_t count>
std::array<Element, count> randomArray() {
    std::array<Element, count> random{};
    if (::getrandom(random.data(), sizeof(random), 0) != static_cast<ssize_t>(sizeof(random))) {
        throw std::system_error(errno, std::generic_category(), "getrandom");
    }
    return random;
}

}  // namespace scaler::object_storage
