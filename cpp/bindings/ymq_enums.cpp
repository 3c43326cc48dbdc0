// The enums of the messaging library, with the names Python has always seen.
#include <nanobind/stl/string_view.h>

#include "bindings/ymq_bindings.h"
#include "ymq/hello.h"
#include "ymq/received.h"
#include "ymq/socket_options.h"

namespace nb = nanobind;

namespace scaler::bindings {

namespace {

using ymq::ErrorCode;

void defineErrorCode(nb::module_& module) {
    nb::enum_<ErrorCode>(module, "ErrorCode", "Why an operation failed.", nb::is_arithmetic())
        .value("Uninit", ErrorCode::uninit)
        .value("InvalidPortFormat", ErrorCode::invalidPortFormat)
        .value("InvalidAddressFormat", ErrorCode::invalidAddressFormat)
        .value("ConfigurationError", ErrorCode::configurationError)
        .value("SignalNotSupported", ErrorCode::signalNotSupported)
        .value("CoreBug", ErrorCode::coreBug)
        .value("RepetetiveIOSocketIdentity", ErrorCode::repetetiveIOSocketIdentity)
        .value("RedundantIOSocketRefCount", ErrorCode::redundantIOSocketRefCount)
        .value("MultipleConnectToNotSupported", ErrorCode::multipleConnectToNotSupported)
        .value("MultipleBindToNotSupported", ErrorCode::multipleBindToNotSupported)
        .value("InitialConnectFailedWithInProgress", ErrorCode::initialConnectFailedWithInProgress)
        .value("SendMessageRequestCouldNotComplete", ErrorCode::sendMessageRequestCouldNotComplete)
        .value("SetSockOptNonFatalFailure", ErrorCode::setSockOptNonFatalFailure)
        .value("IPv6NotSupported", ErrorCode::iPv6NotSupported)
        .value("RemoteEndDisconnectedOnSocketWithoutGuaranteedDelivery",
               ErrorCode::remoteEndDisconnectedOnSocketWithoutGuaranteedDelivery)
        .value("ConnectorSocketClosedByRemoteEnd", ErrorCode::connectorSocketClosedByRemoteEnd)
        .value("IOSocketStopRequested", ErrorCode::ioSocketStopRequested)
        .value("BinderSendMessageWithNoAddress", ErrorCode::binderSendMessageWithNoAddress)
        .value("PeerUnknown", ErrorCode::peerUnknown)
        .value("PeerQueueFull", ErrorCode::peerQueueFull)
        .value("ConnectFailed", ErrorCode::connectFailed)
        .value("Refused", ErrorCode::refused)
        .value("MessageTooLarge", ErrorCode::messageTooLarge)
        .def(
            "explanation", [](ErrorCode code) { return ymq::explanation(code); },
            "Return the sentence that explains it.");
}

}  // namespace

void defineEnums(nb::module_& module) {
    defineErrorCode(module);
    nb::enum_<ymq::SocketType>(module, "IOSocketType", "What a socket does with its peers.", nb::is_arithmetic())
        .value("Uninit", ymq::SocketType::uninit)
        .value("Binder", ymq::SocketType::binder)
        .value("Connector", ymq::SocketType::connector)
        .value("Unicast", ymq::SocketType::unicast)
        .value("Multicast", ymq::SocketType::multicast);
    nb::enum_<ymq::Handshake>(module, "Handshake", "How a socket opens the connections it makes.", nb::is_arithmetic())
        .value("hello", ymq::Handshake::hello)
        .value("plain", ymq::Handshake::plain);
    nb::enum_<ymq::Role>(module, "Role", "What a peer says it is in its hello.", nb::is_arithmetic())
        .value("unknown", ymq::Role::unknown)
        .value("client", ymq::Role::client)
        .value("worker", ymq::Role::worker)
        .value("processor", ymq::Role::processor)
        .value("scheduler", ymq::Role::scheduler)
        .value("storage", ymq::Role::storage)
        .value("monitor", ymq::Role::monitor);
    nb::enum_<ymq::PeerEvent>(module, "PeerEvent", "What happened to a peer, in order with its messages.",
                              nb::is_arithmetic())
        .value("connected", ymq::PeerEvent::connected)
        .value("lost", ymq::PeerEvent::lost)
        .value("refused", ymq::PeerEvent::refused);
}

}  // namespace scaler::bindings
