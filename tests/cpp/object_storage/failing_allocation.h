// Lets one allocation of a thread fail, so that a test sees what is left behind. Whoever includes it
// links the .cpp, and wraps malloc and aligned_alloc.
#pragma once

namespace scaler::object_storage {

// As long as this lives, one allocation of the calling thread fails, by new, malloc or aligned_alloc: the one behind so
// many others.
class FailingAllocation {
public:
    explicit FailingAllocation(int successes) noexcept;
    ~FailingAllocation();
    FailingAllocation(const FailingAllocation&) = delete;
    FailingAllocation& operator=(const FailingAllocation&) = delete;

    // Whether there were as many allocations.
    bool hasFailed() const noexcept;
};

}  // namespace scaler::object_storage
