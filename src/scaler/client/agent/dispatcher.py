"""Hands what a client receives to its core."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from scaler.client.agent.core import ClientCore, ClientState
from scaler.io.ymq.ymq import ErrorCode, PeerEvent
from scaler.protocol import codec, message
from scaler.utility.interruption import is_interruption

logger = logging.getLogger(__name__)

_STATE: Final = "state"
"""How the names of the messages of the monitor stream begin."""


class Dispatcher:
    """Decodes messages and calls the core's handlers, under the lock of the core."""

    def __init__(
        self, core: ClientCore, owner: str, timeout_seconds: float, connect_failure: Callable[[], str]
    ) -> None:
        """``owner`` names the client in the log, the time-out is that of its connection.

        ``connect_failure`` tells why there is none.
        """
        self._core = core
        self._owner = owner
        self._timeout_seconds = timeout_seconds
        self._connect_failure = connect_failure
        self._hot_handlers: dict[type[Any], Callable[[Any], None]] = {
            codec.TaskResult: core.on_task_result,
            codec.TaskCancelConfirm: core.on_task_cancel_confirm,
            codec.TaskLog: core.on_task_log,
        }
        self._cold_handlers: dict[str, Callable[[Any], None]] = {
            "clientHeartbeatEcho": self._on_heartbeat_echo,
            "clientShutdownResponse": lambda response: core.on_shutdown_response(response.accepted),
        }

    def handle(self, item: Any, now_seconds: float) -> None:
        """Handle a frame or an event; one that cannot be is counted and logged. Raise what signal handlers raise."""
        if isinstance(item, PeerEvent):
            self._handle_event(item, now_seconds)
            return
        if isinstance(item, ErrorCode):  # of a send with a token, which this client does not use
            return
        try:
            hot = codec.decode(item)
            if hot is not None:
                self._hot_handlers[type(hot)](hot)
            else:
                kind, body = message.decode(item)
                self._find_cold_handler(kind)(body)
        except Exception as error:  # outermost: one bad message must not end the client
            if is_interruption(error):
                raise
            self._core.counters["bad messages"] += 1
            logger.exception("%s: a message of the scheduler could not be handled", self._owner)

    def close(self) -> None:
        """Forget the handlers, which refer to this object, so that it goes with its last user."""
        self._cold_handlers.clear()

    def _find_cold_handler(self, kind: str) -> Callable[[Any], None]:
        if kind.startswith(_STATE) and self._core.state is not ClientState.ready:  # never once a scheduler has answered
            return lambda _: self._core.on_monitor_stream()
        return self._cold_handlers[kind]

    def _handle_event(self, event: PeerEvent, now_seconds: float) -> None:
        if event == PeerEvent.connected:
            self._core.on_connected(now_seconds)
        elif event == PeerEvent.refused:
            self._core.on_refused(self._connect_failure())
        elif self._core.is_connected:
            self._core.on_lost("is lost")
        else:
            self._core.on_lost(f"could not be made within {self._timeout_seconds:g} seconds: {self._connect_failure()}")

    def _on_heartbeat_echo(self, echo: Any) -> None:
        address = echo.objectStorageAddress
        self._core.on_heartbeat_echo(address.host, address.port, time.monotonic())
