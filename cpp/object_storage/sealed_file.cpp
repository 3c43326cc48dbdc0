// Checking, mapping and copying received memory files.
#include "object_storage/sealed_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "ymq/memory_file.h"

namespace scaler::object_storage {
namespace {

constexpr std::uint64_t kBlockBytes = 512;  // the unit of st_blocks
// Where the system gives a file huge pages, the last one may reach behind its end.
constexpr std::uint64_t kHugePageBytes = std::uint64_t{2} << 20U;

// A file that is kept open, and mapped to be sent to who cannot take its descriptor. Pages that are not touched through
// the mapping cost nothing.
class SealedFile {
public:
    SealedFile(ymq::Descriptor descriptor, std::size_t size_bytes, std::shared_ptr<std::atomic<std::size_t>> kept)
        : descriptor_(std::move(descriptor)),
          size_bytes_(size_bytes),
          memory_(::mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, descriptor_.get(), 0)),
          kept_(std::move(kept)) {
        kept_->fetch_add(1, std::memory_order_relaxed);
    }
    SealedFile(const SealedFile&) = delete;
    SealedFile& operator=(const SealedFile&) = delete;
    ~SealedFile() {
        if (isMapped()) {
            ::munmap(memory_, size_bytes_);
        }
        kept_->fetch_sub(1, std::memory_order_relaxed);
    }

    bool isMapped() const { return memory_ != MAP_FAILED; }
    const void* memory() const { return memory_; }
    int descriptor() const { return descriptor_.get(); }

private:
    const ymq::Descriptor descriptor_;
    const std::size_t size_bytes_;
    void* const memory_;
    const std::shared_ptr<std::atomic<std::size_t>> kept_;
};

void release(void* owner) noexcept { delete static_cast<SealedFile*>(owner); }

// Returns what is wrong with a file; nullptr when its bytes are there, and stay as they are. Tells how much memory it
// has.
const char* faultOf(int descriptor, std::uint64_t size_bytes, std::uint64_t& held_bytes) {
    const int seals = ::fcntl(descriptor, F_GET_SEALS);
    if (seals < 0 || (seals & ymq::kMemoryFileSeals) != ymq::kMemoryFileSeals) {
        return "a descriptor that is not a sealed memory file";
    }
    struct stat status {};
    struct statfs system {};
    if (::fstat(descriptor, &status) != 0 || ::fstatfs(descriptor, &system) != 0) {
        return "a descriptor that tells nothing of itself";
    }
    // Huge pages are reserved elsewhere: touching them may fail with a signal.
    if (system.f_type != TMPFS_MAGIC) {
        return "a memory file of huge pages";
    }
    if (static_cast<std::uint64_t>(status.st_size) != size_bytes) {
        return "a memory file of another size than was announced";
    }
    // Reading a hole would take memory that nobody has accounted for.
    held_bytes = static_cast<std::uint64_t>(status.st_blocks) * kBlockBytes;
    if (held_bytes < size_bytes) {
        return "a memory file with holes";
    }
    // It may have pages behind its end, which nobody has accounted for either.
    if (held_bytes > (size_bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes) {
        return "a memory file of more memory than its size";
    }
    return nullptr;
}

ymq::Result<ymq::Bytes> copyOf(int descriptor, std::size_t size_bytes) {
    std::byte* memory = nullptr;
    ymq::Bytes bytes = ymq::Bytes::allocate(size_bytes, memory);
    for (std::size_t filled = 0; filled < size_bytes;) {
        const ssize_t size = ::pread(descriptor, memory + filled, size_bytes - filled, static_cast<off_t>(filled));
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size <= 0) {
            return ymq::Error{.context = "a memory file that cannot be read"};
        }
        filled += static_cast<std::size_t>(size);
    }
    return bytes;
}

ymq::Result<ymq::Bytes> copyUpTo(std::uint64_t limit_bytes, int descriptor, std::size_t size_bytes) {
    return size_bytes > limit_bytes ? ymq::Bytes() : copyOf(descriptor, size_bytes);
}

}  // namespace

ymq::Result<ymq::Bytes> SealedFiles::take(ymq::Descriptor descriptor, std::uint64_t size_bytes,
                                          std::uint64_t copy_limit_bytes) {
    std::uint64_t held_bytes = 0;
    if (const char* const fault = faultOf(descriptor.get(), size_bytes, held_bytes)) {
        return ymq::Error{.context = fault};
    }
    const auto size = static_cast<std::size_t>(size_bytes);
    // A small one in a huge page would keep much more than it is counted with.
    if (size < kSmallestKeptBytes || held_bytes / 2 > size_bytes || kept() >= kept_limit_) {
        return copyUpTo(copy_limit_bytes, descriptor.get(), size);
    }
    auto file = std::make_unique<SealedFile>(std::move(descriptor), size, kept_);
    if (!file->isMapped()) {
        return copyUpTo(copy_limit_bytes, file->descriptor(), size);
    }
    ymq::Bytes content = ymq::Bytes::external(file->memory(), size, &release, file.get());
    (void)file.release();
    return content;
}

int SealedFiles::descriptorOf(const ymq::Bytes& content) noexcept {
    const void* const owner = content.ownerReleasedBy(&release);
    return owner == nullptr ? -1 : static_cast<const SealedFile*>(owner)->descriptor();
}

std::size_t keptFilesShare() noexcept {
    constexpr rlim_t kMostFiles = 16 * 1024;  // a quarter of the mappings that Linux allows a process
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? std::min(limit.rlim_cur / 2, kMostFiles) : 0;
}

}  // namespace scaler::object_storage
