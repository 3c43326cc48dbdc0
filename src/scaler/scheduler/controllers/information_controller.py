"""What the scheduler answers when it is asked about itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from scaler.protocol import message
from scaler.protocol.codec import MessageKind
from scaler.scheduler.controllers.shortage_controller import ShortageController
from scaler.scheduler.outbox import Outbox


class InformationController:
    """Answers requests for information, whoever asks."""

    def __init__(
        self,
        outbox: Outbox,
        shortages: ShortageController,
        gauges: Callable[[], dict[str, int]],
        statistics: Callable[[], dict[str, Any]],
    ) -> None:
        self._outbox = outbox
        self._shortages = shortages
        self._answers: dict[bytes, Callable[[], Any]] = {
            b"gauges": gauges,
            b"shortages": self._list_shortages,
            b"statistics": statistics,
        }

    def on_request(self, peer: bytes, request: bytes) -> None:
        """Answer a request with JSON.

        ``gauges`` is the size of every table, ``shortages`` which waiting tasks no connected worker can ever run,
        ``statistics`` the gauges and what has happened since the start. The answer to anything else has an ``error``.
        """
        make = self._answers.get(request)
        known = ", ".join(name.decode() for name in self._answers)
        answer = make() if make is not None else {"error": f"unknown request {request!r}, known: {known}"}
        frame = message.encode("informationResponse", response=json.dumps(answer).encode())
        self._outbox.send(peer, frame, MessageKind.informationResponse)

    def _list_shortages(self) -> list[dict[str, Any]]:
        return [
            {"capabilities": dict(shortage.needs), "tasks": shortage.tasks, "waits_for": shortage.waits_for}
            for shortage in self._shortages.shortages()
        ]
