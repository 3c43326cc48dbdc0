// The shared memory of a task gate, and its slots as atomic words.
#include "worker/task_gate.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "ymq/descriptor.h"

namespace scaler::worker {

namespace {

constexpr std::uint64_t kMagic = 0x3165746147734154;  // "TAsGate1" in memory
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr std::uint64_t kStateBits = 3;
constexpr std::uint64_t kStateMask = (1U << kStateBits) - 1;

struct Header {
    std::uint64_t magic;
    std::uint64_t slots;
    std::uint64_t reserved[6];  // the slots begin on their own cache line
};
static_assert(sizeof(Header) == 64);
static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free, "a lock would not be shared between processes");

std::uint64_t sizeBytes(std::uint64_t slots) { return sizeof(Header) + slots * sizeof(std::uint64_t); }

// A word of zero is a free slot that was never used, hence the number plus one.
std::uint64_t pack(std::uint64_t number, SlotState state) {
    return ((number + 1) << kStateBits) | static_cast<std::uint64_t>(state);
}

[[noreturn]] void raise(int code, const char* what) { throw std::system_error(code, std::generic_category(), what); }

// Returns the owner of a new descriptor.
ymq::Descriptor owned(int number, const char* what) {
    if (number < 0) raise(errno, what);
    return ymq::Descriptor(number);
}

void* mapShared(int descriptor, std::uint64_t bytes) {
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED) raise(errno, "cannot map a task gate");
    return memory;
}

}  // namespace

TaskGate TaskGate::create(std::uint64_t slots) {
    if (slots == 0 || slots > kMaximumSlots) throw std::invalid_argument("a task gate has 1 to 65536 slots");
    ymq::Descriptor descriptor =
        owned(::memfd_create("scaler_task_gate", MFD_CLOEXEC | MFD_ALLOW_SEALING), "cannot make a task gate");
    if (::ftruncate(descriptor.get(), static_cast<off_t>(sizeBytes(slots))) != 0)
        raise(errno, "cannot size a task gate");
    if (::fcntl(descriptor.get(), F_ADD_SEALS, kSeals) != 0) raise(errno, "cannot seal a task gate");
    void* memory = mapShared(descriptor.get(), sizeBytes(slots));
    auto* header = static_cast<Header*>(memory);
    header->magic = kMagic;
    header->slots = slots;
    return TaskGate(descriptor.release(), memory, slots);
}

TaskGate TaskGate::attach(int original) {
    ymq::Descriptor descriptor = owned(::fcntl(original, F_DUPFD_CLOEXEC, 3), "cannot attach to a task gate");
    const int seals = ::fcntl(descriptor.get(), F_GET_SEALS);
    if (seals < 0 || (seals & kSeals) != kSeals) raise(EINVAL, "not a task gate: its size is not sealed");
    struct stat status {};
    if (::fstat(descriptor.get(), &status) != 0) raise(errno, "cannot read the size of a task gate");
    const auto bytes = static_cast<std::uint64_t>(status.st_size);
    if (bytes <= sizeof(Header) || bytes > sizeBytes(kMaximumSlots)) raise(EINVAL, "not a task gate: wrong size");
    void* memory = mapShared(descriptor.get(), bytes);
    const auto* header = static_cast<const Header*>(memory);
    const std::uint64_t slots = header->slots;
    if (header->magic != kMagic || slots > kMaximumSlots || sizeBytes(slots) != bytes) {
        ::munmap(memory, bytes);
        raise(EINVAL, "not a task gate: its header does not fit its size");
    }
    return TaskGate(descriptor.release(), memory, slots);
}

TaskGate::TaskGate(int descriptor, void* memory, std::uint64_t slots) noexcept
    : descriptor_(descriptor), memory_(memory), slots_(slots) {}

TaskGate::TaskGate(TaskGate&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      memory_(std::exchange(other.memory_, nullptr)),
      slots_(other.slots_) {}

TaskGate& TaskGate::operator=(TaskGate&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(memory_, other.memory_);
    std::swap(slots_, other.slots_);
    return *this;
}

TaskGate::~TaskGate() { close(); }

std::uint64_t TaskGate::slots() const {
    if (memory_ == nullptr) throw std::invalid_argument("the task gate is closed");
    return slots_;
}

int TaskGate::descriptor() const {
    if (memory_ == nullptr) throw std::invalid_argument("the task gate is closed");
    return descriptor_;
}

std::uint64_t& TaskGate::word(std::uint64_t number) const {
    auto* words = reinterpret_cast<std::uint64_t*>(static_cast<std::byte*>(memory_) + sizeof(Header));
    return words[number % slots()];
}

bool TaskGate::change(std::uint64_t number, SlotState from, SlotState to) {
    std::uint64_t expected = pack(number, from);
    return std::atomic_ref(word(number)).compare_exchange_strong(expected, pack(number, to), std::memory_order_acq_rel);
}

bool TaskGate::feed(std::uint64_t number) {
    std::atomic_ref slot(word(number));
    std::uint64_t current = slot.load(std::memory_order_acquire);
    if ((current & kStateMask) != static_cast<std::uint64_t>(SlotState::free)) return false;
    return slot.compare_exchange_strong(current, pack(number, SlotState::fed), std::memory_order_acq_rel);
}

bool TaskGate::tryStart(std::uint64_t number) {
    if (change(number, SlotState::fed, SlotState::started)) return true;
    change(number, SlotState::revoked, SlotState::free);
    return false;
}

void TaskGate::finish(std::uint64_t number) { change(number, SlotState::started, SlotState::finished); }

bool TaskGate::revoke(std::uint64_t number) { return change(number, SlotState::fed, SlotState::revoked); }

void TaskGate::release(std::uint64_t number) {
    if (!change(number, SlotState::finished, SlotState::free)) change(number, SlotState::started, SlotState::free);
}

SlotState TaskGate::state(std::uint64_t number) const {
    const std::uint64_t current = std::atomic_ref(word(number)).load(std::memory_order_acquire);
    const std::uint64_t state = current & kStateMask;
    if ((current >> kStateBits) != number + 1 || state > static_cast<std::uint64_t>(SlotState::revoked))
        return SlotState::free;
    return static_cast<SlotState>(state);
}

void TaskGate::close() noexcept {
    if (memory_ == nullptr) return;
    ::munmap(std::exchange(memory_, nullptr), sizeBytes(slots_));
    ::close(std::exchange(descriptor_, -1));
}

}  // namespace scaler::worker
