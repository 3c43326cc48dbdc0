// Large contents that came as a memory file, which its writer has sealed: nobody can change or cut it any more.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "ymq/bytes.h"
#include "ymq/descriptor.h"
#include "ymq/error.h"

namespace scaler::object_storage {

// Makes contents of received descriptors, and keeps so many of these open that others can still be had. What it makes
// is ordinary bytes to everybody; who wants to pass it on asks for its descriptor.
class SealedFiles {
public:
    // Smaller files are not worth a descriptor: they are copied. So are those that take more than twice their size.
    static constexpr std::size_t kSmallestKeptBytes = 64 * 1024;

    explicit SealedFiles(std::size_t kept_limit) : kept_limit_(kept_limit) {}

    // Returns the content, or why the descriptor is not that of a sealed memory file of exactly this size. The content
    // is null when it would have to be copied and is larger than the limit. Throws std::bad_alloc.
    ymq::Result<ymq::Bytes> take(ymq::Descriptor descriptor, std::uint64_t size_bytes,
                                 std::uint64_t copy_limit_bytes = UINT64_MAX);

    // How many descriptors are kept.
    std::size_t kept() const noexcept { return kept_->load(std::memory_order_relaxed); }

    // Returns the descriptor of a content that came as a file, valid as long as the content; -1 for others.
    static int descriptorOf(const ymq::Bytes& content) noexcept;

private:
    using Count = std::atomic<std::size_t>;

    std::size_t kept_limit_;
    // Contents may outlive this object.
    std::shared_ptr<Count> kept_ = std::make_shared<Count>(0);
};

// How many files a server may keep, so that enough descriptors are left for connections, and mappings for memory.
std::size_t keptFilesShare() noexcept;

}  // namespace scaler::object_storage
