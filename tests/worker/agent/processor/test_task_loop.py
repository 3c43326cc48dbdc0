"""What a processor does with the agent's messages, over a scripted socket and a real gate."""

from __future__ import annotations

import logging

from scaler.io.ymq.ymq import ErrorCode, PeerEvent, YMQException
from scaler.protocol import codec, message
from scaler.worker.agent.processor.agent_link import AgentLink
from scaler.worker.agent.processor.object_cache import ABSENT, ObjectCache
from scaler.worker.agent.processor.task_loop import TaskLoop
from scaler.worker.agent.task_gate import SlotState, TaskGate


class ScriptedSocket:
    """Gives out batches, then the end of the link; remembers what was sent, and how."""

    def __init__(self, *batches) -> None:
        self.batches = [list(batch) for batch in batches]
        self.sent = []
        self.timeouts: list[float | None] = []
        self.refusals: list[ErrorCode] = []

    def recv_batch(self, timeout_seconds=None):
        self.timeouts.append(timeout_seconds)
        batch = self.batches.pop(0) if self.batches else [PeerEvent.lost]
        return [(b"agent", each) for each in batch]

    def drain(self):
        return []

    def send(self, address, payload):
        self._take("now", payload)

    def send_soon(self, address, payload):
        self._take("soon", payload)

    def _take(self, how, payload):
        if self.refusals:
            raise YMQException(self.refusals.pop(0), "refused")
        self.sent.append((how, bytes(payload)))


class LoopBench:
    def __init__(self, *batches) -> None:
        self.socket = ScriptedSocket(*batches)
        self.gate = TaskGate.create(8)
        self.cache = ObjectCache()
        self.ran: list[bytes] = []
        self.states: list[SlotState] = []
        self.link = AgentLink(self.socket)
        self.loop = TaskLoop(self.link, self.gate, self.cache, self.run_task)

    def run_task(self, task: codec.Task) -> bytes:
        self.ran.append(task.task_id)
        self.states.append(self.gate.state(len(self.states)))
        return b"result of " + task.task_id

    def run(self):
        self.loop.run()
        assert self.link.is_over
        return self


def make_task(name: bytes) -> bytes:
    return codec.Task(task_id=name, source=b"client", func_object_id=bytes(32)).encode()


def test_says_that_it_is_ready_when_it_is_connected():
    bench = LoopBench([PeerEvent.connected]).run()
    assert bench.socket.sent == [("now", codec.ProcessorInitialized().encode())]


def test_runs_tasks_in_order_and_marks_them_at_the_gate():
    bench = LoopBench([make_task(b"a"), make_task(b"b")])
    bench.gate.feed(0)
    bench.gate.feed(1)
    bench.run()
    assert bench.ran == [b"a", b"b"]
    assert bench.states == [SlotState.started, SlotState.started]
    assert [bench.gate.state(number) for number in (0, 1)] == [SlotState.finished, SlotState.finished]


def test_sends_results_together_while_there_is_more_to_do():
    bench = LoopBench([make_task(b"a"), make_task(b"b")], [make_task(b"c")])
    for number in range(3):
        bench.gate.feed(number)
    bench.run()
    assert bench.socket.sent == [("soon", b"result of a"), ("now", b"result of b"), ("now", b"result of c")]


def test_does_not_run_what_was_taken_back():
    bench = LoopBench([make_task(b"a"), make_task(b"b"), make_task(b"c")])
    for number in range(3):
        bench.gate.feed(number)
    bench.gate.revoke(1)
    bench.run()
    assert bench.ran == [b"a", b"c"]
    assert bench.gate.state(1) is SlotState.free


def test_evicts_objects():
    delete = codec.ObjectInstruction(instruction_type=codec.ObjectInstructionType.delete, object_ids=[bytes(32)])
    bench = LoopBench([delete.encode()])
    bench.cache.put(bytes(32), "value", 1)
    bench.run()
    assert bench.cache.get(bytes(32)) is ABSENT


def test_learns_for_how_long_unused_objects_are_kept():
    echo = message.encode("workerHeartbeatEcho", objectRetentionMilliseconds=1500)
    assert LoopBench([echo]).run().cache.retention_seconds == 1.5


def test_waits_only_until_it_has_something_to_do_and_then_on():
    waits = [3.0, None, None]
    socket = ScriptedSocket([], [make_task(b"a")])
    link = AgentLink(socket, lambda: waits.pop(0))
    assert len(list(link.frames())) == 1
    assert socket.timeouts == [3.0, None, None]


def test_passes_over_what_it_does_not_understand(caplog):
    caplog.set_level(logging.ERROR)
    bench = LoopBench([b"rubbish", codec.ProcessorInitialized().encode(), make_task(b"a")])
    bench.gate.feed(0)
    bench.run()
    assert bench.ran == [b"a"]
    assert len(caplog.records) == 2


def test_waits_while_the_queue_is_full():
    bench = LoopBench([make_task(b"a")])
    bench.gate.feed(0)
    bench.socket.refusals = [ErrorCode.PeerQueueFull] * 3
    bench.run()
    assert bench.socket.sent == [("now", b"result of a")]


def test_starts_nothing_more_once_the_link_has_ended():
    bench = LoopBench([make_task(b"a"), make_task(b"b")])
    bench.gate.feed(0)
    bench.gate.feed(1)
    bench.socket.refusals = [ErrorCode.ConnectorSocketClosedByRemoteEnd]
    bench.run()
    assert bench.ran == [b"a"]
    assert bench.socket.sent == []


def test_ends_when_it_is_refused():
    bench = LoopBench([PeerEvent.refused, make_task(b"a")])
    bench.gate.feed(0)
    bench.run()
    assert bench.ran == []
