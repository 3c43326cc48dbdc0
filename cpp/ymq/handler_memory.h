// Memory that is reserved for a handler of the event loop before there is one, so that waiting and posting need none.
#pragma once

#include <boost/asio/bind_allocator.hpp>
#include <cstddef>
#include <new>
#include <utility>

namespace scaler::ymq {

// For one handler at a time, on the thread that runs the io context; a second one takes memory of the system. A handler
// leaves it before it is called, so it may wait or post again with the same.
class HandlerMemory {
public:
    HandlerMemory() noexcept = default;
    HandlerMemory(const HandlerMemory&) = delete;
    HandlerMemory& operator=(const HandlerMemory&) = delete;

    void* allocate(std::size_t size) {
        if (is_taken_ || size > sizeof(memory_)) return ::operator new(size);
        is_taken_ = true;
        return memory_;
    }

    void deallocate(void* pointer) noexcept {
        if (pointer == memory_) {
            is_taken_ = false;
        } else {
            ::operator delete(pointer);
        }
    }

private:
    static constexpr std::size_t kBytes = 256;

    alignas(std::max_align_t) std::byte memory_[kBytes];
    bool is_taken_{false};
};

template <typename Value>
class HandlerAllocator {
public:
    using value_type = Value;

    explicit HandlerAllocator(HandlerMemory& memory) noexcept : memory_(&memory) {}
    template <typename Other>
    HandlerAllocator(const HandlerAllocator<Other>& other) noexcept : memory_(other.memory_) {}

    Value* allocate(std::size_t count) { return static_cast<Value*>(memory_->allocate(count * sizeof(Value))); }
    void deallocate(Value* pointer, std::size_t) noexcept { memory_->deallocate(pointer); }

    template <typename Other>
    bool operator==(const HandlerAllocator<Other>& other) const noexcept {
        return memory_ == other.memory_;
    }

private:
    template <typename Other>
    friend class HandlerAllocator;

    HandlerMemory* memory_;
};

// The memory must live as long as the handler does, which for instance refers to its owner.
template <typename Handler>
auto keptIn(HandlerMemory& memory, Handler handler) {
    return boost::asio::bind_allocator(HandlerAllocator<std::byte>(memory), std::move(handler));
}

}  // namespace scaler::ymq
