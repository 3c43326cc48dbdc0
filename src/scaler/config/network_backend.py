"""The variable that chose between two messaging libraries in older set-ups; there is one now."""

from __future__ import annotations

import os

from scaler.config.configuration_error import ConfigurationError

VARIABLE = "SCALER_NETWORK_BACKEND"
_ACCEPTED = ("ymq", "tcp_zmq")


def network_backend_warning() -> str:
    """Return what to warn of, empty when the variable is not set; raise ConfigurationError for an unknown backend."""
    value = os.environ.get(VARIABLE, "")
    if not value:
        return ""
    if value not in _ACCEPTED:
        raise ConfigurationError(
            f"environment variable {VARIABLE}={value}: expected {' or '.join(_ACCEPTED)}, or no such variable"
        )
    return f"{VARIABLE}={value} has no effect: all messages go through YMQ"
