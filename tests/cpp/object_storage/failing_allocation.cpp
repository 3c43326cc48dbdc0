// Replaces what gives memory to the whole program; it is as usual unless a FailingAllocation lives.
#include "object_storage/failing_allocation.h"

#include <cstdlib>
#include <new>

namespace {

constexpr int kNever = -1;

thread_local int successesLeft = kNever;
thread_local bool hasFailedHere = false;

}  // namespace

// The linker lets all calls of malloc and aligned_alloc end here.
extern "C" {
void* __real_malloc(std::size_t size);
void* __real_aligned_alloc(std::size_t alignment, std::size_t size);
}

namespace {

bool isToFail() noexcept {
    if (successesLeft < 0 || successesLeft-- > 0) {
        return false;
    }
    hasFailedHere = true;
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
    hasFailedHere = false;
    successesLeft = successes;
}

FailingAllocation::~FailingAllocation() { successesLeft = kNever; }

bool FailingAllocation::hasFailed() const noexcept { return hasFailedHere; }

}  // namespace scaler::object_storage
