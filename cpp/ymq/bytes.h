// An immutable, reference-counted byte buffer; copying a handle never copies bytes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <utility>

namespace scaler::ymq {

// A null handle and one of an empty buffer differ. Handles may be copied, read and dropped on any thread; the release
// callback of an external owner runs on whichever thread drops the last handle, and must not block or throw.
class Bytes {
public:
    using Release = void (*)(void* owner) noexcept;

    Bytes() noexcept = default;
    Bytes(const Bytes& other) noexcept : block_(other.block_), data_(other.data_), size_(other.size_) { retain(); }
    Bytes(Bytes&& other) noexcept
        : block_(std::exchange(other.block_, nullptr)),
          data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)) {}
    Bytes& operator=(Bytes other) noexcept {
        std::swap(block_, other.block_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Bytes() { drop(); }

    // Returns a buffer of uninitialised bytes, aligned to 16; the caller fills it through `memory` before sharing it.
    static Bytes allocate(std::size_t size, std::byte*& memory) {
        if (size > SIZE_MAX - sizeof(Block)) throw std::bad_alloc();
        void* raw = std::malloc(sizeof(Block) + size);
        if (raw == nullptr) throw std::bad_alloc();
        auto* block = new (raw) Block{};
        memory = reinterpret_cast<std::byte*>(block + 1);
        return Bytes(block, memory, size);
    }

    static Bytes copy(std::span<const std::byte> source) {
        std::byte* memory = nullptr;
        Bytes bytes = allocate(source.size(), memory);
        if (!source.empty()) std::memcpy(memory, source.data(), source.size());
        return bytes;
    }

    static Bytes copy(std::string_view source) { return copy(std::as_bytes(std::span(source))); }

    // Takes memory that malloc or realloc returned.
    static Bytes adopt(void* memory, std::size_t size) {
        return external(
            memory, size, [](void* owner) noexcept { std::free(owner); }, memory);
    }

    // Refers to memory of another owner; `release(owner)` is called once, after the last handle.
    static Bytes external(const void* data, std::size_t size, Release release, void* owner) {
        void* raw = std::malloc(sizeof(Block));
        if (raw == nullptr) throw std::bad_alloc();
        auto* block = new (raw) Block{};
        block->release = release;
        block->owner = owner;
        return Bytes(block, static_cast<const std::byte*>(data), size);
    }

    // Returns a handle of a part; it keeps the whole buffer alive. The range must lie inside.
    Bytes slice(std::size_t offset, std::size_t size) const noexcept {
        Bytes part(*this);
        part.data_ += offset;
        part.size_ = size;
        return part;
    }

    // Returns the owner that external() was given with this callback; null for other buffers.
    const void* ownerReleasedBy(Release release) const noexcept {
        return block_ != nullptr && block_->release == release ? block_->owner : nullptr;
    }

    // Whether there is another handle of the buffer, or of a part of it.
    bool isShared() const noexcept {
        return block_ != nullptr && block_->references.load(std::memory_order_acquire) > 1;
    }

    bool isNull() const noexcept { return block_ == nullptr; }
    bool empty() const noexcept { return size_ == 0; }
    const std::byte* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    std::span<const std::byte> span() const noexcept { return {data_, size_}; }
    std::string_view view() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }

private:
    struct alignas(16) Block {
        std::atomic<std::uint32_t> references{1};
        Release release{nullptr};
        void* owner{nullptr};
    };

    Bytes(Block* block, const std::byte* data, std::size_t size) noexcept : block_(block), data_(data), size_(size) {}

    void retain() noexcept {
        if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
    }

    void drop() noexcept {
        if (block_ == nullptr || block_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        if (block_->release != nullptr) block_->release(block_->owner);
        std::free(block_);
    }

    Block* block_{nullptr};
    const std::byte* data_{nullptr};
    std::size_t size_{0};
};

}  // namespace scaler::ymq
