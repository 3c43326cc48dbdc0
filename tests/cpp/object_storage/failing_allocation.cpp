// Replaces the operators of the whole program; they are the ordinary ones unless a FailingAllocation lives.
#include "object_storage/failing_allocation.h"

#include <cstdlib>
#include <new>

namespace {

constexpr int kNever = -1;

thread_local int successesLeft = kNever;
thread_local bool hasFailedHere = false;

}  // namespace

void* operator new(std::size_t size) {
    if (successesLeft >= 0 && successesLeft-- == 0) {
        hasFailedHere = true;
        throw std::bad_alloc();
    }
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
