// Writing, sealing and mapping memory files.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <system_error>

#include "ymq/memory_file.h"

namespace scaler::ymq {

namespace {

constexpr std::size_t kMaximumVectors = 64;
constexpr std::size_t kPageBytes = 4096;

constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;
#ifdef MADV_COLLAPSE
constexpr int kCollapse = MADV_COLLAPSE;
#else
constexpr int kCollapse = 25;
#endif

[[noreturn]] void fail(const char* call) { throw std::system_error(errno, std::generic_category(), call); }

// Memory of a file. Where a huge page could begin in the file, one can begin in memory.
class Mapping {
public:
    Mapping(int descriptor, std::size_t size, int flags) : size_(size) {
        const std::size_t slack = size < kHugePageBytes ? 0 : kHugePageBytes;
        void* const room = ::mmap(nullptr, size + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room == MAP_FAILED) fail("mmap");
        auto* const begin = static_cast<std::byte*>(room);
        const std::size_t before = slack == 0 ? 0 : -reinterpret_cast<std::uintptr_t>(begin) % kHugePageBytes;
        memory_ = begin + before;
        if (before != 0) ::munmap(begin, before);
        const std::size_t end = (size + kPageBytes - 1) / kPageBytes * kPageBytes;
        if (before != slack) ::munmap(memory_ + end, slack - before);
        if (::mmap(memory_, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, descriptor, 0) == MAP_FAILED) {
            const int failure = errno;
            ::munmap(memory_, size);
            errno = failure;
            fail("mmap");
        }
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { ::munmap(memory_, size_); }

    std::byte* memory() const noexcept { return memory_; }

private:
    std::byte* memory_;
    std::size_t size_;
};

// Gives a file of this size its huge pages, as far as there are any; the rest of it stays as it is.
void takeHugePages(int descriptor, std::size_t size) {
    if (::ftruncate(descriptor, static_cast<off_t>(size)) != 0) fail("ftruncate");
    const std::size_t whole = size / kHugePageBytes * kHugePageBytes;
    try {
        const Mapping mapping(descriptor, whole, MAP_SHARED);
        // Only what has a page already is made a huge one. Touching memory would end the process when there is no page.
        for (std::size_t offset = 0; offset < whole; offset += kHugePageBytes) {
            if (::pwrite(descriptor, "", 1, static_cast<off_t>(offset)) != 1) return;
        }
        (void)::madvise(mapping.memory(), whole, kCollapse);
    } catch (const std::system_error&) {
        return;  // no room for another mapping: it goes without
    }
}

// Writes what it can of the parts, beginning inside the first of them.
std::size_t writeSome(int descriptor, std::span<const std::span<const std::byte>> parts, std::size_t offset) {
    std::array<iovec, kMaximumVectors> vectors;
    std::size_t number = 0;
    for (const std::span<const std::byte> part : parts.first(std::min(parts.size(), kMaximumVectors))) {
        const std::span<const std::byte> rest = part.subspan(number == 0 ? offset : 0);
        vectors[number++] = {const_cast<std::byte*>(rest.data()), rest.size()};
    }
    ssize_t written = 0;
    do {
        written = ::writev(descriptor, vectors.data(), static_cast<int>(number));
    } while (written < 0 && errno == EINTR);
    if (written < 0) fail("writev");
    return static_cast<std::size_t>(written);
}

}  // namespace

Descriptor writeMemoryFile(std::span<const std::span<const std::byte>> parts) {
    Descriptor file(::memfd_create("scaler-object", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (file.get() < 0) fail("memfd_create");
    std::size_t total = 0;
    for (const std::span<const std::byte> part : parts) total += part.size();
    if (total >= kHugePageBytes) takeHugePages(file.get(), total);
    std::size_t offset = 0;
    while (!parts.empty()) {
        if (offset == parts.front().size()) {
            parts = parts.subspan(1);
            offset = 0;
            continue;
        }
        std::size_t written = writeSome(file.get(), parts, offset);
        while (written > 0) {
            const std::size_t size = std::min(written, parts.front().size() - offset);
            offset += size;
            written -= size;
            if (offset == parts.front().size()) {
                parts = parts.subspan(1);
                offset = 0;
            }
        }
    }
    if (::fcntl(file.get(), F_ADD_SEALS, kMemoryFileSeals) != 0) fail("F_ADD_SEALS");
    return file;
}

Bytes mapMemoryFile(int descriptor, std::size_t size) {
    struct stat status {};
    const int seals = ::fcntl(descriptor, F_GET_SEALS);
    if (seals < 0 || ::fstat(descriptor, &status) != 0) fail("F_GET_SEALS");
    if ((seals & kMemoryFileSeals) != kMemoryFileSeals || static_cast<std::size_t>(status.st_size) < size) {
        errno = EINVAL;
        fail("not a sealed memory file of this size");
    }
    if (size == 0) return Bytes::copy(std::string_view());
    auto mapping = std::make_unique<Mapping>(descriptor, size, MAP_PRIVATE);
    const auto release = [](void* owner) noexcept { delete static_cast<Mapping*>(owner); };
    Bytes bytes = Bytes::external(mapping->memory(), size, release, mapping.get());
    (void)mapping.release();
    return bytes;
}

}  // namespace scaler::ymq
