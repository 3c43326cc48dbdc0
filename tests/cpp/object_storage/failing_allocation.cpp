// Replaces what gives memory to the whole program; it is as usual unless a FailingAllocation lives.
#include "object_storage/failing_allocation.h"

#include <cstdlib>
#include <new>

namespace {

constexpr int kNever = -1;

thread_local int successes_left = kNever;
thread_local bool has_failed_here = false;

}  // namespace

// The linker lets all calls of malloc and aligned_alloc end here.
extern "C" {
void* __real_malloc(std::size_t size);
void* __real_aligned_alloc(std::size_t alignment, std::size_t size);
}

namespace {

bool isToFail() noexcept {
    if (successes_left < 0 || successes_left-- > 0) {
        return false;
    }
    has_failed_here = true;
    return true;
}

}  // namespace

extern "C" {
void* __wrap_malloc(std::size_t size) { return isToFail() ? nullptr : __real_malloc(size); }

void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size) {
    return isToFail() ? nullptr : __real_aligned_alloc(alignment, size);
}
}

void* operator new(std::size_t size) {
    void* const memory = std::malloc(size);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace scaler::object_storage {

FailingAllocation::FailingAllocation(int successes) noexcept {
    has_failed_here = false;
    successes_left = successes;
}

FailingAllocation::~FailingAllocation() { successes_left = kNever; }

bool FailingAllocation::hasFailed() const noexcept { return has_failed_here; }

}  // namespace scaler::object_storage
