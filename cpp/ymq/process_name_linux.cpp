// Reads /proc for the names and lives of processes.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "ymq/process_name.h"
#include "ymq/stream_socket.h"

namespace scaler::ymq {

namespace {

constexpr unsigned long kExiting = 0x4;

struct ProcessState {
    char state{'?'};
    unsigned long flags{0};
    std::uint64_t start_time{0};
};

// Nothing, with errno set, when there is no such file.
std::optional<std::string> readFile(const char* path) {
    const Descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return std::nullopt;
    char buffer[2048];
    const ssize_t size = ::read(file.get(), buffer, sizeof(buffer));
    if (size < 0) return std::nullopt;
    return std::string(buffer, static_cast<std::size_t>(size));
}

// Fields are numbered from 1; the second is a name in parentheses that may hold anything, so counting starts behind it.
std::optional<ProcessState> parseState(std::string_view text) {
    const std::size_t behind_name = text.rfind(')');
    if (behind_name == std::string_view::npos) return std::nullopt;
    text.remove_prefix(behind_name + 1);
    ProcessState state;
    for (int field = 3; field <= 22; ++field) {
        const std::size_t begin = text.find_first_not_of(' ');
        if (begin == std::string_view::npos) return std::nullopt;
        text.remove_prefix(begin);
        const std::string_view value = text.substr(0, text.find(' '));
        if (field == 3) state.state = value.front();
        if (field == 9) std::from_chars(value.data(), value.data() + value.size(), state.flags);
        if (field == 22) std::from_chars(value.data(), value.data() + value.size(), state.start_time);
        text.remove_prefix(value.size());
    }
    return state;
}

// That of the first thread, which began with its process: qemu, when it emulates another processor, shows each thread a
// start of its own in the file of the process itself.
std::string stateFile(std::uint32_t pid) {
    const std::string number = std::to_string(pid);
    return "/proc/" + number + "/task/" + number + "/stat";
}

// Two independent 64-bit FNV-1a passes; this tells machines apart, it protects nothing.
HostId hashOf(std::string_view text) {
    HostId result{};
    for (std::size_t half = 0; half < 2; ++half) {
        std::uint64_t hash = 0xcbf29ce484222325ULL ^ (half * 0x9e3779b97f4a7c15ULL);
        for (const char character : text) {
            hash ^= static_cast<unsigned char>(character);
            hash *= 0x100000001b3ULL;
        }
        std::memcpy(result.data() + half * sizeof(hash), &hash, sizeof(hash));
    }
    return result;
}

ProcessName readThisProcess() {
    ProcessName name;
    name.pid = static_cast<std::uint32_t>(::getpid());
    const std::optional<std::string> boot = readFile("/proc/sys/kernel/random/boot_id");
    struct stat status {};
    const bool has_namespace = ::stat("/proc/self/ns/pid", &status) == 0;
    const std::optional<std::string> text = readFile(stateFile(name.pid).c_str());
    const std::optional<ProcessState> state = text ? parseState(*text) : std::nullopt;
    // Without /proc the host stays zero, which names no machine: nobody is then taken for local.
    if (!boot || !has_namespace || !state) return name;
    name.host = hashOf(*boot + " " + std::to_string(status.st_ino));
    name.start_time = state->start_time;
    return name;
}

}  // namespace

ProcessName thisProcess() {
    static thread_local ProcessName name;
    if (name.pid != static_cast<std::uint32_t>(::getpid())) name = readThisProcess();
    return name;
}

bool isKnownDead(const ProcessName& process) {
    if (process.host == HostId{} || process.host != thisProcess().host || process.pid == 0) return false;
    const std::optional<std::string> text = readFile(stateFile(process.pid).c_str());
    // The file of another user's process may be hidden; only a signal's answer proves that there is no such process.
    if (!text) return ::kill(static_cast<pid_t>(process.pid), 0) != 0 && errno == ESRCH;
    const std::optional<ProcessState> state = parseState(*text);
    if (!state) return false;
    return state->start_time != process.start_time || state->state == 'Z' || state->state == 'X' ||
           (state->flags & kExiting) != 0;
}

}  // namespace scaler::ymq
