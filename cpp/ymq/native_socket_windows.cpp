// Sockets of Windows.
#include <algorithm>
#include <array>

#include "ymq/native_socket.h"

namespace scaler::ymq {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaximumVectors = 64;
constexpr std::size_t kMaximumVectorBytes = std::size_t{1} << 30;
constexpr DWORD kSocketFlags = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
// No signal ends a wait here. It is taken for ended by one so often, for Python to see that Ctrl-C was pressed.
constexpr std::chrono::nanoseconds kLongestWait = 500ms;

// Whoever uses sockets starts the library first, and nobody ends it.
class Winsock {
public:
    Winsock() noexcept {
        WSADATA data;
        (void)::WSAStartup(MAKEWORD(2, 2), &data);
    }
};

NativeSocket prepared(NativeSocket socket) noexcept {
    if (socket == kNoSocket) return socket;
    u_long on = 1;
    if (::ioctlsocket(socket, static_cast<long>(FIONBIO), &on) == 0) {
        (void)::SetHandleInformation(reinterpret_cast<HANDLE>(socket), HANDLE_FLAG_INHERIT, 0);
        return socket;
    }
    const int failure = ::WSAGetLastError();
    ::closesocket(socket);
    ::WSASetLastError(failure);
    return kNoSocket;
}

NativeSocket openSocket(int family, int type) noexcept {
    static const Winsock winsock;
    return prepared(::WSASocketW(family, type, 0, nullptr, 0, kSocketFlags));
}

}  // namespace

int lastSocketError() noexcept { return ::WSAGetLastError(); }

bool isWouldBlock(int failure) noexcept { return failure == WSAEWOULDBLOCK; }

bool isInterrupted(int failure) noexcept { return failure == WSAEINTR; }

bool isOfOneConnection(int failure) noexcept {
    return failure == WSAECONNABORTED || failure == WSAECONNRESET || failure == WSAEINTR || failure == WSAENETDOWN ||
           failure == WSAEHOSTUNREACH || failure == WSAENETUNREACH || failure == WSAETIMEDOUT;
}

NativeSocket openStreamSocket(int family) noexcept { return openSocket(family, SOCK_STREAM); }

NativeSocket openDatagramSocket(int family) noexcept { return openSocket(family, SOCK_DGRAM); }

NativeSocket acceptFrom(NativeSocket listener) noexcept { return prepared(::accept(listener, nullptr, nullptr)); }

NativeSocket duplicate(NativeSocket socket) noexcept {
    WSAPROTOCOL_INFOW protocol;
    if (::WSADuplicateSocketW(socket, ::GetCurrentProcessId(), &protocol) != 0) return kNoSocket;
    return ::WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &protocol, 0, kSocketFlags);
}

// Here it is always allowed; what POSIX calls so would let others take the address away.
bool allowNewListener(NativeSocket socket) noexcept {
    setOption(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);
    return true;
}

void setOption(NativeSocket socket, int level, int name, int value) noexcept {
    (void)::setsockopt(socket, level, name, reinterpret_cast<const char*>(&value), sizeof(value));
}

void keepAlive(NativeSocket socket) noexcept {
    tcp_keepalive values{.onoff = 1, .keepalivetime = 30'000, .keepaliveinterval = 10'000};
    DWORD ignored = 0;
    (void)::WSAIoctl(socket, SIO_KEEPALIVE_VALS, &values, sizeof(values), nullptr, 0, &ignored, nullptr, nullptr);
}

void shutDownSending(NativeSocket socket) noexcept { ::shutdown(socket, SD_SEND); }

std::ptrdiff_t sendVectors(NativeSocket socket, std::span<IoVector> vectors) noexcept {
    std::array<WSABUF, kMaximumVectors> buffers;
    DWORD number = 0;
    for (const IoVector& vector : vectors.first(std::min(vectors.size(), buffers.size()))) {
        const auto size = static_cast<ULONG>(std::min(vector.iov_len, kMaximumVectorBytes));
        buffers[number++] = {size, static_cast<CHAR*>(vector.iov_base)};
        // What was cut is sent by the next call.
        if (size != vector.iov_len) break;
    }
    DWORD sent = 0;
    const int result = ::WSASend(socket, buffers.data(), number, &sent, 0, nullptr, nullptr);
    return result == 0 ? static_cast<std::ptrdiff_t>(sent) : -1;
}

std::optional<std::uint64_t> unsentBytes(NativeSocket) noexcept { return std::nullopt; }

int waitReadable(std::span<PollEntry> entries, std::optional<std::chrono::nanoseconds> timeout,
                 const SignalMask*) noexcept {
    const bool is_long = !timeout || *timeout > kLongestWait;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(is_long ? kLongestWait : *timeout);
    const int ready = ::WSAPoll(entries.data(), static_cast<ULONG>(entries.size()), static_cast<INT>(wait.count()));
    if (ready != 0 || !is_long) return ready;
    ::WSASetLastError(WSAEINTR);
    return -1;
}

void nameThisThread(const char* name) noexcept {
    std::array<wchar_t, 64> wide{};
    for (std::size_t index = 0; index + 1 < wide.size() && name[index] != '\0'; ++index) {
        wide[index] = static_cast<wchar_t>(static_cast<unsigned char>(name[index]));
    }
    // Not every header and version of Windows has it; a thread without a name works as well.
    using SetDescription = HRESULT(WINAPI*)(HANDLE, PCWSTR);
    const FARPROC found = ::GetProcAddress(::GetModuleHandleW(L"kernel32.dll"), "SetThreadDescription");
    const auto set_description = reinterpret_cast<SetDescription>(reinterpret_cast<void (*)()>(found));
    if (set_description != nullptr) (void)set_description(::GetCurrentThread(), wide.data());
}

}  // namespace scaler::ymq
