"""The codec of the cold messages."""

from __future__ import annotations

import gc
import subprocess
import sys
from typing import Any

import pycapnp_message
import pytest

from scaler.protocol import codec, message

WORKER_HEARTBEAT: dict[str, Any] = {
    "agent": {"cpu": 3, "rss": 4},
    "queuedTasks": 5,
    "processors": [{"pid": 7, "initialized": True, "resource": {"cpu": 1000, "rss": 1}}],
    "capabilities": [{"name": "gpu", "value": -1}],
    "heldDigest": 2**64 - 1,
    "heldTasks": 2,
    "drain": True,
}


def test_fields_arrive() -> None:
    member, heartbeat = message.decode(message.encode("workerHeartbeat", **WORKER_HEARTBEAT))
    assert member == "workerHeartbeat"
    assert (heartbeat.agent.cpu, heartbeat.agent.rss) == (3, 4)
    assert [(status.pid, status.initialized, status.resource.cpu) for status in heartbeat.processors] == [
        (7, True, 1000)
    ]
    assert {capability.name: capability.value for capability in heartbeat.capabilities} == {"gpu": -1}
    assert (heartbeat.heldDigest, heartbeat.heldTasks, heartbeat.drain, heartbeat.queueSize) == (2**64 - 1, 2, True, 0)


def test_the_library_reads_and_writes_the_same() -> None:
    _, read = pycapnp_message.decode(message.encode("workerHeartbeat", **WORKER_HEARTBEAT))
    _, reader = message.decode(pycapnp_message.encode("workerHeartbeat", **WORKER_HEARTBEAT))
    assert reader.heldDigest == read.heldDigest and reader.agent.rss == read.agent.rss
    assert reader.processors[0].to_dict() == read.processors[0].to_dict()
    assert reader.capabilities[0].to_dict() == read.capabilities[0].to_dict()


def test_what_is_not_a_field_is_an_attribute_error() -> None:
    _, reader = message.decode(message.encode("workerHeartbeat"))
    assert not hasattr(reader, "nonsense")


def test_enums_arrive_by_name() -> None:
    _, request = message.decode(message.encode("clientDisconnect", disconnectType="shutdown"))
    assert request.disconnectType == "shutdown"


@pytest.mark.parametrize("member", [kind.name for kind in codec.MessageKind])
def test_every_member_is_known(member: str) -> None:
    frame = message.encode(member)
    assert message.decode(frame)[0] == member
    assert codec.which(frame) == codec.MessageKind[member]


def test_graphs_hold_tasks() -> None:
    node = {"taskId": b"1", "functionArgs": [{"type": "task", "data": b"0"}, {"type": "value", "data": b"v"}]}
    _, graph = message.decode(message.encode("graphTask", taskId=b"u", targets=[b"1"], graph=[node]))
    assert [(str(argument.type), argument.data) for argument in graph.graph[0].functionArgs] == [
        ("task", b"0"),
        ("value", b"v"),
    ]


def test_readers_keep_their_bytes() -> None:
    frame = bytearray(message.encode("informationResponse", response=b"x" * 100_000))
    _, response = message.decode(frame)
    frame[:] = bytes(len(frame))
    del frame
    gc.collect()
    assert response.response == b"x" * 100_000


def test_readers_may_be_read_again_and_again() -> None:
    _, response = message.decode(message.encode("informationResponse", response=b"x" * 1000))
    assert all(len(response.response) == 1000 for _ in range(10_000))


@pytest.mark.parametrize(
    ("member", "fields"),
    [
        ("nonsense", {}),
        ("workerHeartbeat", {"nonsense": 1}),
        ("workerHeartbeat", {"queueSize": -1}),
        ("workerHeartbeat", {"queueSize": 2**32}),
        ("workerHeartbeat", {"agent": 3}),
        ("workerHeartbeat", {"processors": [3]}),
        ("clientDisconnect", {"disconnectType": "nonsense"}),
        ("disconnectRequest", {"worker": 3}),
        ("workerHeartbeatEcho", {"objectStorageAddress": {"host": None}}),
        ("workerHeartbeatEcho", {"objectStorageAddress": {"host": "\ud800"}}),
    ],
)
def test_what_does_not_fit_is_refused(member: str, fields: dict[str, Any]) -> None:
    with pytest.raises(codec.CodecError) as error:
        message.encode(member, **fields)
    assert member in str(error.value) and "\n" not in str(error.value)


def test_malformed_frames_are_refused() -> None:
    frame = message.encode("workerHeartbeat", **WORKER_HEARTBEAT)
    for malformed in (b"", frame[:-8], frame + bytes(8), bytes(len(frame)), b"\xff" * len(frame), frame[:-3]):
        with pytest.raises(codec.CodecError):
            message.decode(malformed)


def test_text_that_is_not_utf8_is_refused() -> None:
    frame = message.encode("workerHeartbeatEcho", objectStorageAddress={"host": "localhost"})
    assert frame.count(b"localhost") == 1
    with pytest.raises(codec.CodecError, match="UTF-8"):
        message.decode(frame.replace(b"localhost", b"local\xffost"))


def test_unknown_kinds_are_refused() -> None:
    frame = bytearray(codec.ProcessorInitialized().encode())
    frame[16] = 200
    assert codec.which(frame) == 200
    assert codec.decode(frame) is None
    with pytest.raises(codec.CodecError, match="kind is unknown"):
        message.decode(frame)


def test_the_library_is_loaded_when_it_is_needed() -> None:
    script = "import sys; from scaler.protocol import codec, message; assert 'capnp' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)


@pytest.mark.parametrize("order", [("capnp", "scaler.protocol._codec"), ("scaler.protocol._codec", "capnp")])
def test_both_libraries_live_in_one_process(order: tuple[str, str]) -> None:
    script = f"""
import {order[0]}
import {order[1]}
from scaler.protocol import codec, message

for number in range(200):
    task = codec.Task(task_id=b"%16d" % number, source=b"c", func_object_id=b"f", capabilities={{"gpu": number}})
    member, reader = message.decode(task.encode())
    assert member == "task" and reader.capabilities[0].value == number
    assert codec.decode(message.encode("task", taskId=task.task_id, source=b"c")).task_id == task.task_id
    for malformed in (b"x" * 64, task.encode()[:-8]):
        for decode in (codec.decode, message.decode):
            try:
                decode(malformed)
            except codec.CodecError:
                continue
            raise SystemExit("accepted what is malformed")
    try:
        message.encode("task", nonsense=1)
    except codec.CodecError:
        continue
    raise SystemExit("accepted what is not in the schema")
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)


def test_a_status_that_was_encoded_by_itself_is_the_same_in_a_message() -> None:
    statuses: list[dict[str, Any]] = [
        {"workerId": b"w%d" % number, "itl": "101", "agent": {"cpu": 1, "rss": 2}, "processorStatuses": [{"pid": 5}]}
        for number in range(3)
    ]
    encoded = [codec.encode_worker_status(status) for status in statuses]
    expected = codec.decode_any(message.encode("stateScheduler", workerManager={"workers": statuses}))
    for workers in (encoded, [encoded[0], statuses[1], encoded[2]]):
        assert codec.decode_any(message.encode("stateScheduler", workerManager={"workers": workers})) == expected


@pytest.mark.parametrize("element", [b"", b"1234567", b"\0" * 8, b"\xff" * 16, b"\0\0\0\0\x05\0\0\0"])
def test_an_element_that_is_no_struct_is_refused(element: bytes) -> None:
    with pytest.raises(codec.CodecError, match="cannot encode stateScheduler"):
        message.encode("stateScheduler", workerManager={"workers": [element]})


def test_a_status_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(codec.CodecError, match="no such member"):
        codec.encode_worker_status({"nope": 1})
