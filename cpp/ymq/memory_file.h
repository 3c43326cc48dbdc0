// Contents in memory files: written once, sealed, and then shared by passing the descriptor on.
#pragma once

#ifdef __linux__
#include <fcntl.h>
#endif

#include <cstddef>
#include <span>

#include "ymq/bytes.h"
#include "ymq/descriptor.h"

namespace scaler::ymq {

#ifdef __linux__
// With these, nobody can change or cut a memory file any more.
inline constexpr int kMemoryFileSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
#endif

// Returns a new memory file of these parts one behind the other, which nobody can change any more. It is written by
// system calls: fresh pages of a writable mapping would cost twice as much. Large files are given huge pages where the
// system has some, which makes writing, mapping and freeing several times faster. Throws std::system_error,
// always where the system has no memory files that can be sealed (not Linux).
Descriptor writeMemoryFile(std::span<const std::span<const std::byte>> parts);

// Returns the first bytes of a sealed memory file. The memory is the caller's own, copied page by page where it is
// written to, and lasts as long as the bytes; the descriptor may be closed. Throws std::system_error, also when the
// file is shorter or not sealed: cut by its writer, it would end its readers.
Bytes mapMemoryFile(int descriptor, std::size_t size);

}  // namespace scaler::ymq
