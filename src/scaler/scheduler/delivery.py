"""Carries out what the core put into its outbox: messages, deletes, the end at once, and reports gathered.

A report that is sent by itself costs a system call here, and a wake-up of each viewer, for each turn of the loop;
viewers look at what has come many times less often. So reports wait for those behind them, until ``publish`` is called
or they are many. Their order is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeAlias

from scaler.io.ymq.ymq import ErrorCode
from scaler.protocol import message
from scaler.scheduler.isolation import Isolation
from scaler.scheduler.outbox import Frame, Outbox

_logger = logging.getLogger(__name__)

MOST_GATHERED: Final = 256
"""How many reports wait for others at most: encoding them must not hold up the loop for long."""

_Report: TypeAlias = tuple[bytes, str, dict[str, Any]]


class PeerSocket(Protocol):
    """What is needed of the socket of clients and workers."""

    def send_many(self, messages: Sequence[tuple[bytes, Frame]], /) -> list[tuple[int, ErrorCode]]: ...
    def close_connection(self, identity: bytes, /) -> None: ...


class ReportSocket(Protocol):
    """What is needed of the socket of the monitor stream."""

    def send_many(self, messages: Sequence[tuple[bytes, bytes]], /) -> list[tuple[int, ErrorCode]]: ...


class Deleter(Protocol):
    """What is needed of the one that deletes from the object storage."""

    def delete(self, object_ids: list[bytes]) -> None: ...
    def delete_owners(self, owner_hashes: list[bytes]) -> None: ...


class Delivery:
    """Takes everything out of the outbox before it does any of it, so that a failure lets nothing be done twice."""

    def __init__(
        self,
        peers: PeerSocket,
        monitor: ReportSocket,
        deleter: Deleter,
        stop: Callable[[], None],
        isolation: Isolation,
    ) -> None:
        self._peers = peers
        self._monitor = monitor
        self._deleter = deleter
        self._stop = stop
        self._isolation = isolation
        self._reports: list[_Report] = []

    @property
    def has_reports(self) -> bool:
        """Whether reports wait for ``publish``."""
        return len(self._reports) > 0

    def carry_out(self, outbox: Outbox) -> None:
        """Do what the outbox says, once; a few reports wait for ``publish``."""
        messages, closings, reports = outbox.take_messages(), outbox.take_closings(), outbox.take_reports()
        object_ids, owner_hashes = outbox.take_storage_deletes(), outbox.take_owner_deletes()
        if object_ids:
            self._deleter.delete(object_ids)
        if owner_hashes:
            self._deleter.delete_owners(owner_hashes)
        if outbox.stop_requested:
            self._stop()
        if messages:
            for index, code in self._peers.send_many(messages):
                self._on_rejected(messages[index][0], code)
        for peer in closings:
            self._peers.close_connection(peer)
        self._reports += reports
        if len(self._reports) >= MOST_GATHERED:
            self.publish()

    def publish(self) -> None:
        """Send the reports that wait; the address is a prefix of who gets each, an empty one is all subscribers.

        Nobody is waited for: what a subscriber has no room for, it does not get, and the socket counts it.
        """
        reports, self._reports = self._reports, []
        if not reports:
            return
        encoded = [(subscriber, self._encode(member, fields)) for subscriber, member, fields in reports]
        frames = [(subscriber, frame) for subscriber, frame in encoded if frame is not None]
        self._isolation.attempt("publishing", lambda: self._send_reports(frames))

    def _send_reports(self, frames: list[tuple[bytes, bytes]]) -> None:
        self._monitor.send_many(frames)

    def _encode(self, member: str, fields: dict[str, Any]) -> bytes | None:
        try:
            return message.encode(member, **fields)
        except Exception:  # of the outermost kind: a report is worth nothing compared with what follows it
            self._isolation.failed(f"publishing {member}")
            return None

    def _on_rejected(self, peer: bytes, code: ErrorCode) -> None:
        """A peer that has gone is reported as lost anyway; one that does not read what it asked for is cut off."""
        if code is ErrorCode.PeerQueueFull:
            _logger.warning("%r does not read its messages: closing its connection", peer)
            self._peers.close_connection(peer)
