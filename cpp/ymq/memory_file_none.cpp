// What stands in for memory files where the system has none: large objects travel by TCP.
#include <system_error>

#include "ymq/memory_file.h"

namespace scaler::ymq {

namespace {

[[noreturn]] void fail() {
    throw std::system_error(std::make_error_code(std::errc::not_supported), "this system has no memory files");
}

}  // namespace

Descriptor writeMemoryFile(std::span<const std::span<const std::byte>>) { fail(); }

Bytes mapMemoryFile(int, std::size_t) { fail(); }

}  // namespace scaler::ymq
