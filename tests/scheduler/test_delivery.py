"""What the core wants is carried out exactly once, whatever fails meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from scheduler_fixture import SchedulerFixture

from scaler.io.ymq.ymq import ErrorCode
from scaler.protocol import codec, message
from scaler.scheduler.delivery import MOST_GATHERED, Delivery
from scaler.scheduler.isolation import Isolation
from scaler.scheduler.outbox import Frame, Outbox


class MonitorModel:
    """The socket of the monitor stream; notes what it is told, and for whom."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, str]] = []
        self.calls = 0

    def send_many(self, messages: Sequence[tuple[bytes, bytes]], /) -> list[tuple[int, ErrorCode]]:
        self.calls += 1
        self.sent += [(subscriber, message.decode(frame)[0]) for subscriber, frame in messages]
        return []


class WorldModel:
    """The socket of the peers and the deleter; notes what it is told."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Frame]] = []
        self.closed: list[bytes] = []
        self.monitor = MonitorModel()
        self.deleted: list[bytes] = []
        self.stops = 0
        self.full: set[bytes] = set()
        self.sending_fails = False

    def send_many(self, messages: Sequence[tuple[bytes, Frame]], /) -> list[tuple[int, ErrorCode]]:
        if self.sending_fails:
            raise RuntimeError("defect")
        self.sent += [entry for entry in messages if entry[0] not in self.full]
        return [(index, ErrorCode.PeerQueueFull) for index, entry in enumerate(messages) if entry[0] in self.full]

    def close_connection(self, identity: bytes, /) -> None:
        self.closed.append(identity)

    def delete(self, object_ids: list[bytes]) -> None:
        self.deleted += object_ids

    def delete_owners(self, owner_hashes: list[bytes]) -> None:
        self.deleted += owner_hashes

    def stop(self) -> None:
        self.stops += 1


@pytest.fixture
def world() -> WorldModel:
    return WorldModel()


def worker_report(state: str) -> dict[str, Any]:
    return {"workerId": b"w", "state": state, "capabilities": []}


def test_report_that_cannot_be_encoded_costs_nothing_but_itself(world: WorldModel) -> None:
    outbox, isolation = Outbox(), Isolation()
    delivery = Delivery(world, world.monitor, world, world.stop, isolation)
    outbox.send(b"peer", b"frame", codec.MessageKind.task)
    outbox.report("stateWorker", worker_report("no such state"))
    outbox.report("stateWorker", worker_report("connected"))
    outbox.report_to(b"new", "stateWorker", worker_report("connected"))
    outbox.delete_from_storage([b"o" * 32])
    outbox.delete_owner_from_storage(b"h" * 16)
    outbox.close_connection(b"bad")
    for _ in range(2):
        delivery.carry_out(outbox)
        delivery.publish()
    assert world.sent == [(b"peer", b"frame")]
    assert world.monitor.sent == [(b"", "stateWorker"), (b"new", "stateWorker")]
    assert world.monitor.calls == 1  # all that a batch has to tell is written together
    assert world.deleted == [b"o" * 32, b"h" * 16]
    assert world.closed == [b"bad"]
    assert isolation.failures == 1


def test_reports_of_several_turns_are_written_together_and_in_order(world: WorldModel) -> None:
    outbox = Outbox()
    delivery = Delivery(world, world.monitor, world, world.stop, Isolation())
    for state in ("connected", "disconnected", "connected"):
        outbox.report("stateWorker", worker_report(state))
        delivery.carry_out(outbox)
    outbox.report_to(b"new", "stateScheduler", {})
    delivery.carry_out(outbox)
    assert (world.monitor.calls, delivery.has_reports) == (0, True)
    delivery.publish()
    assert [subscriber for subscriber, _ in world.monitor.sent] == [b"", b"", b"", b"new"]
    assert (world.monitor.calls, delivery.has_reports) == (1, False)
    delivery.publish()
    assert world.monitor.calls == 1


def test_reports_do_not_wait_when_they_are_many(world: WorldModel) -> None:
    outbox = Outbox()
    delivery = Delivery(world, world.monitor, world, world.stop, Isolation())
    for number in range(1, 2 * MOST_GATHERED + 1):
        outbox.report("stateWorker", worker_report("connected"))
        delivery.carry_out(outbox)
        assert world.monitor.calls == number // MOST_GATHERED
    assert len(world.monitor.sent) == 2 * MOST_GATHERED


def test_nothing_is_carried_out_twice_when_sending_fails(world: WorldModel) -> None:
    outbox = Outbox()
    delivery = Delivery(world, world.monitor, world, world.stop, Isolation())
    outbox.send(b"peer", b"first", codec.MessageKind.task)
    outbox.delete_from_storage([b"o" * 32])
    outbox.stop_requested = True
    world.sending_fails = True
    with pytest.raises(RuntimeError):
        delivery.carry_out(outbox)
    world.sending_fails = False
    outbox.send(b"peer", b"second", codec.MessageKind.task)
    delivery.carry_out(outbox)
    assert world.sent == [(b"peer", b"second")]
    assert world.deleted == [b"o" * 32]
    assert world.stops > 0


def test_peer_that_does_not_read_is_cut_off(world: WorldModel) -> None:
    outbox = Outbox()
    world.full.add(b"deaf")
    outbox.send(b"deaf", b"frame", codec.MessageKind.task)
    outbox.send(b"peer", b"frame", codec.MessageKind.task)
    Delivery(world, world.monitor, world, world.stop, Isolation()).carry_out(outbox)
    assert (world.closed, world.sent) == ([b"deaf"], [(b"peer", b"frame")])


def test_report_fits_after_billions_of_messages() -> None:
    scheduler = SchedulerFixture()
    scheduler.core.outbox.monitored = True
    scheduler.core.received[codec.MessageKind.task] = 2**32 + 5
    scheduler.core.publish({"cpu": 1, "rss": 1}, 1)
    [(_, member, fields)] = scheduler.core.outbox.take_reports()
    _, report = message.decode(message.encode(member, **fields))
    assert {pair.client: pair.number for pair in report.binder.received}["Task"] == 5
