// Raising the limit of descriptors, and keeping freed memory.
#include "object_storage/process_settings.h"

#include <malloc.h>
#include <sys/resource.h>

namespace scaler::object_storage {
namespace {

// Larger contents get memory of their own, which is given back with them.
constexpr int kKeptBlockBytes = 8 << 20;
// So much free memory is kept at the end of a heap.
constexpr int kKeptFreeBytes = 64 << 20;

}  // namespace

void prepareProcess() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &limit);  // what was allowed before will have to do
    }
    (void)::mallopt(M_MMAP_THRESHOLD, kKeptBlockBytes);
    (void)::mallopt(M_TRIM_THRESHOLD, kKeptFreeBytes);
}

}  // namespace scaler::object_storage
