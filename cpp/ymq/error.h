// What can go wrong, as codes that are part of the public interface, and a result type that carries code and context.
#pragma once

#include <boost/system/result.hpp>
#include <boost/throw_exception.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace scaler::ymq {

// The spelling and the numbers are public (Python sees them), hence `Repetetive`.
enum class ErrorCode : int {
    uninit = 0,
    invalidPortFormat = 1,
    invalidAddressFormat = 2,
    configurationError = 3,
    signalNotSupported = 4,
    coreBug = 5,
    repetetiveIOSocketIdentity = 6,
    redundantIOSocketRefCount = 7,
    multipleConnectToNotSupported = 8,
    multipleBindToNotSupported = 9,
    initialConnectFailedWithInProgress = 10,
    sendMessageRequestCouldNotComplete = 11,
    setSockOptNonFatalFailure = 12,
    iPv6NotSupported = 13,
    remoteEndDisconnectedOnSocketWithoutGuaranteedDelivery = 14,
    connectorSocketClosedByRemoteEnd = 15,
    ioSocketStopRequested = 16,
    binderSendMessageWithNoAddress = 17,
    peerUnknown = 18,
    peerQueueFull = 19,
    connectFailed = 20,
    refused = 21,
    messageTooLarge = 22,
};

// Returns the sentence that explains a code; empty for `uninit`.
std::string_view explanation(ErrorCode code) noexcept;

struct Error {
    ErrorCode code{ErrorCode::uninit};
    std::string context{};

    // Returns the explanation followed by the context.
    std::string message() const;
};

template <typename T>
using Result = boost::system::result<T, Error>;

// Called by boost::system::result when `value()` is used on an error.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
    throw std::runtime_error(error.message());
}

}  // namespace scaler::ymq
