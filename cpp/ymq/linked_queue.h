// A queue whose entering takes no memory.
#pragma once

#include <memory>
#include <utility>

namespace scaler::ymq {

// Items one behind the other, through a pointer that each has for it. An item is in a queue once at most.
template <typename Item, std::shared_ptr<Item> Item::*next>
class LinkedQueue {
public:
    LinkedQueue() noexcept = default;
    LinkedQueue(LinkedQueue&& other) noexcept
        : first_(std::move(other.first_)), last_(std::exchange(other.last_, nullptr)) {}
    LinkedQueue& operator=(LinkedQueue&&) = delete;
    ~LinkedQueue() {
        while (pop() != nullptr) {
        }
    }

    bool empty() const noexcept { return first_ == nullptr; }

    void push(const std::shared_ptr<Item>& item) noexcept {
        (last_ == nullptr ? first_ : last_->*next) = item;
        last_ = item.get();
    }

    // Null when there is none.
    std::shared_ptr<Item> pop() noexcept {
        std::shared_ptr<Item> item = std::move(first_);
        if (item == nullptr) return nullptr;
        first_ = std::move(item.get()->*next);
        if (first_ == nullptr) last_ = nullptr;
        return item;
    }

private:
    std::shared_ptr<Item> first_{};
    Item* last_{nullptr};
};

}  // namespace scaler::ymq
