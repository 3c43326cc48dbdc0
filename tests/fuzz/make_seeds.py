"""Write the seeds of the fuzz targets: real encodings, and the golden vectors of the protocol.

python tests/fuzz/make_seeds.py [folder]

The folder is the saved corpus beside this file by default; seeds are the files whose names begin with ``seed_``. The
schemas are compiled by pycapnp alone, so that no extension module is needed.
"""

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import capnp

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE.parent.parent / "src" / "scaler" / "protocol" / "capnp"
# Where "/capnp/c++.capnp" is found: pycapnp ships it.
IMPORTS = [str(Path(capnp.__file__).parent.parent)]

HELLO_MAGIC = b"YMQ\x10"
OTHER_MAGIC = b"YMQ\x01"
TASK_ID = bytes(range(16))
OBJECT_ID = bytes(range(32))
CLIENT_ID = b"Client|0123456789abcdef0123456789abcdef"
WORKER_ID = b"Worker|one|0123456789abcdef0123456789abcdef"
RESOURCE = {"cpu": 500, "rss": 1 << 30}
CAPABILITIES = [{"name": "gpu", "value": 2}, {"name": "linux", "value": -1}]
METADATA = {"objectIds": [OBJECT_ID, OBJECT_ID], "objectTypes": ["serializer", "object"], "objectNames": [b"s", b""]}
PROCESSORS = [{"pid": 7, "initialized": True, "hasTask": True, "suspended": False, "resource": RESOURCE}]
TASK = {
    "taskId": TASK_ID,
    "source": CLIENT_ID,
    "metadata": b"flags",
    "funcObjectId": OBJECT_ID,
    "functionArgs": [{"type": "objectID", "data": OBJECT_ID}, {"type": "value", "data": b"\x80\x05."}],
    "capabilities": CAPABILITIES,
    "attempt": 1,
    "priority": -3,
    "deadlineMilliseconds": 1000,
    "timeoutMilliseconds": 2000,
    "retries": 2,
    "keywordNames": ["näme", ""],
}

# At least one of every kind; further ones of a kind have a number behind its name.
MESSAGES: dict[str, dict[str, Any]] = {
    "task": TASK,
    "task2": {"taskId": TASK_ID},
    "taskCancel": {"taskId": TASK_ID, "flags": {"force": True}},
    "taskCancelConfirm": {"taskId": TASK_ID, "cancelConfirmType": "cancelNotFound"},
    "taskResult": {"taskId": TASK_ID, "resultType": "success", "metadata": b"profile", "results": [OBJECT_ID]},
    "taskResult2": {"taskId": TASK_ID, "resultType": "failed", "attempt": 2, "cause": "exception", "value": b"\x80."},
    "taskLog": {"taskId": TASK_ID, "logType": "stderr", "content": "grüße\n"},
    "graphTask": {"taskId": TASK_ID, "source": CLIENT_ID, "targets": [TASK_ID], "graph": [TASK, {"taskId": TASK_ID}]},
    "objectInstruction": {"instructionType": "create", "objectUser": CLIENT_ID, "objectMetadata": METADATA},
    "objectInstruction2": {"instructionType": "delete", "objectMetadata": {"objectIds": [OBJECT_ID] * 3}},
    "clientHeartbeat": {"resource": RESOURCE, "latencyUS": 100},
    "clientHeartbeatEcho": {"objectStorageAddress": {"host": "127.0.0.1", "port": 2346}},
    "workerHeartbeat": {
        "agent": RESOURCE,
        "rssFree": 1 << 34,
        "queueSize": 10,
        "processors": PROCESSORS,
        "capabilities": CAPABILITIES,
        "heldDigest": 1 << 63,
        "heldTasks": 3,
        "drain": True,
    },
    "workerHeartbeatEcho": {"objectStorageAddress": {"host": "127.0.0.1", "port": 2346}},
    "disconnectRequest": {"worker": WORKER_ID},
    "disconnectResponse": {"worker": WORKER_ID},
    "stateClient": {},
    "stateObject": {},
    "stateBalanceAdvice": {"workerId": WORKER_ID, "taskIds": [TASK_ID, TASK_ID]},
    "stateScheduler": {
        "binder": {"received": [{"client": "Task", "number": 5}], "sent": []},
        "scheduler": RESOURCE,
        "workerManager": {
            "workers": [{"workerId": WORKER_ID, "agent": RESOURCE, "itl": "110", "processorStatuses": PROCESSORS}]
        },
    },
    "stateWorker": {"workerId": WORKER_ID, "state": "disconnected", "capabilities": CAPABILITIES},
    "stateTask": {"taskId": TASK_ID, "functionName": b"f", "state": "running", "worker": WORKER_ID},
    "stateGraphTask": {"graphTaskId": TASK_ID, "taskId": TASK_ID, "nodeTaskType": "target", "parentTaskIds": [TASK_ID]},
    "clientDisconnect": {"disconnectType": "shutdown"},
    "clientShutdownResponse": {"accepted": True},
    "processorInitialized": {},
    "informationRequest": {"request": b"gauges"},
    "informationResponse": {"response": b"{}"},
}

GOLDEN = {
    "processorInitialized": "0000000003000000 0000000001000100 1600000000000000 fcffffff00000000",
    "taskCancel": "0000000008000000 0000000001000100 0100000000000000 0000000000000200 0500000082000000 "
    "0800000001000000 0001020304050607 08090a0b0c0d0e0f 0000000000000000",
}


def frame(payload: bytes, kind: int = 0) -> bytes:
    """Return a frame of either framing."""
    return struct.pack("<Q", kind << 56 | len(payload)) + payload


def hello(cluster: bytes = b"cluster", identity: bytes = CLIENT_ID, authentication: bytes = b"") -> bytes:
    """Return the payload of a hello."""
    fields = b"".join(struct.pack("<H", len(field)) + field for field in (cluster, identity, authentication))
    return struct.pack("<BBHI16sQ16sIQ", 1, 1, 3, 7, bytes(range(16)), 42, b"h" * 16, 4321, 99) + fields


ACCEPT = struct.pack("<QII", 42, 7, 60_000)
ACCEPT_WITH_PROCESS = ACCEPT + struct.pack("<16sIQH", b"h" * 16, 4321, 99, 1)
REFUSE = struct.pack("<H", 3) + b"the identity is in use"


def codec_seeds() -> Iterator[tuple[str, bytes]]:
    """Yield messages; the first byte is how far they are from an aligned address."""
    schema = capnp.load(str(SCHEMAS / "message.capnp"), imports=IMPORTS)
    kinds = set(schema.Message.schema.union_fields)
    for number, (name, fields) in enumerate(MESSAGES.items()):
        kind = name.rstrip("2")
        kinds.discard(kind)
        yield name, bytes([number % 8]) + schema.Message.new_message(**{kind: fields}).to_bytes()
    assert not kinds, f"kinds without a seed: {kinds}"
    for name, text in GOLDEN.items():
        yield f"golden_{name}", b"\0" + bytes.fromhex(text)


def frame_reader_seeds() -> Iterator[tuple[str, bytes]]:
    """Yield streams: flags, cuts (their number, then each), then pieces as the target describes them."""

    def raw(data: bytes) -> bytes:
        return b"".join(bytes([0, len(part)]) + part for part in (data[i : i + 255] for i in range(0, len(data), 255)))

    def filled(size: int, kind: int = 0) -> bytes:
        return bytes([3 | kind << 4]) + struct.pack("<H", size // 5)

    plain, kinds, kinds_after_identity = 0, 1, 3
    identity, kilobyte, megabyte, unlimited = frame(CLIENT_ID), 1 << 2, 4 << 2, 5 << 2
    messages = [bytes.fromhex(text) for text in GOLDEN.values()]
    session = frame(hello(), 1) + b"".join(frame(message) for message in messages) + frame(bytes(8), 4) + frame(b"", 7)
    yield "plain", bytes([plain | kilobyte, 0]) + raw(identity + frame(messages[0]) + frame(messages[1]))
    yield "plain_byte_by_byte", bytes([plain | kilobyte, 1, 0]) + raw(identity + frame(b"") + frame(b"x"))
    yield "kinds", bytes([kinds | megabyte, 2, 6, 40]) + raw(session)
    yield "kinds_after_identity", bytes([kinds_after_identity | megabyte, 1, 12]) + raw(identity + session)
    yield "large", bytes([plain | megabyte, 1, 255]) + filled(100_000) + filled(70_000) + filled(5)
    yield "large_kinds", bytes([kinds | unlimited, 2, 250, 3]) + filled(200_000) + filled(10, 5) + filled(4096, 1)
    yield "of_the_limit", bytes([plain, 0]) + filled(80) + filled(80) + filled(85)
    yield "too_large", bytes([plain, 0, 1]) + struct.pack("<Q", 1 << 62)
    yield "half_of_much", bytes([plain | unlimited, 0, 1]) + struct.pack("<Q", 1 << 62) + raw(b"a" * 200)
    yield "unknown_kind", bytes([kinds | kilobyte, 0]) + raw(frame(b"x", 8))


def greeting_seeds() -> Iterator[tuple[str, bytes]]:
    """Yield the openings of connections and single messages; the first byte tells which."""
    accepting, dialing, as_hello, as_accept, as_refuse, as_count = (bytes([part]) for part in range(6))
    yield "accepts_hello", accepting + HELLO_MAGIC + frame(hello(), 1)
    yield "accepts_plain", accepting + frame(CLIENT_ID)
    yield "accepts_other", accepting + OTHER_MAGIC + frame(b"x")
    yield "dials_accept", dialing + frame(b"Scheduler") + frame(ACCEPT_WITH_PROCESS, 2) + frame(bytes(8), 5)
    yield "dials_refuse", dialing + frame(b"Scheduler") + frame(REFUSE, 3)
    yield "hello", as_hello + hello()
    yield "hello_of_next_version", as_hello + b"\x02" + hello()[1:]
    yield "hello_with_longest_identity", as_hello + hello(identity=b"i" * 1024, authentication=b"secret")
    yield "hello_with_too_long_identity", as_hello + hello(identity=b"i" * 1025)
    yield "accept", as_accept + ACCEPT
    yield "accept_with_process", as_accept + ACCEPT_WITH_PROCESS
    yield "refuse", as_refuse + REFUSE
    yield "count", as_count + struct.pack("<Q", 1 << 40)


def header_seeds() -> Iterator[tuple[str, bytes]]:
    """Yield headers of requests and answers, and an object id."""
    schema = capnp.load(str(SCHEMAS / "object_storage.capnp"), imports=IMPORTS)
    object_id = {f"field{i}": 0x0706050403020100 + 0x0808080808080808 * i for i in range(4)}
    for kind in schema.ObjectRequestHeader.ObjectRequestType.schema.enumerants:
        header = schema.ObjectRequestHeader.new_message(
            objectID=object_id, payloadLength=1024, requestID=7, requestType=kind, timeoutMilliseconds=500
        )
        yield f"request_{kind}", header.to_bytes()
    answer = schema.ObjectResponseHeader.new_message(objectID=object_id, payloadLength=3, responseID=7)
    yield "answer", answer.to_bytes()
    yield "object_id", schema.ObjectID.new_message(**object_id).to_bytes()
    # The root behind its content, which a reader of fixed offsets does not know.
    words = [struct.pack("<II", 0, 9), struct.pack("<iHH", 4 << 2, 3, 1), bytes(range(32))]
    words += [struct.pack("<QQQ", 5, 6, 1), struct.pack("<iHH", -8 << 2, 4, 0)]
    yield "request_with_another_layout", b"".join(words)


def request_seeds() -> Iterator[tuple[str, bytes]]:
    """Yield conversations: flags, then the steps of the target, each an action with its connection."""

    def step(action: int, connection: int, *rest: int) -> bytes:
        return bytes([action | connection << 4, *rest])

    def store(connection: int, identifier: int, size: int) -> bytes:
        return step(2, connection, identifier, size, 0, ord("x"))

    def get(connection: int, identifier: int, timeout: int = 0) -> bytes:
        return step(5, connection, identifier, timeout)

    def delete(connection: int, identifier: int) -> bytes:
        return step(7, connection, identifier, 0)

    def duplicate(connection: int, copy: int, original: int, timeout: int = 0) -> bytes:
        return step(8, connection, copy, timeout, original)

    info = step(10, 3, 0, 0)
    leave = step(0, 1)
    pass_time = step(1, 0) + struct.pack("<H", 60)
    small, limited_with_timeout = b"\0", b"\3"
    yield "set_get_delete", small + store(0, 1, 40) + get(1, 1) + info + delete(2, 1) + delete(2, 1)
    yield "get_waits", small + get(1, 1) + get(2, 1, 50) + store(0, 1, 8) + info
    yield "get_times_out", limited_with_timeout + get(1, 1) + get(2, 2, 100) + pass_time + store(0, 1, 8)
    yield "get_of_who_left", small + get(1, 1) + leave + store(0, 1, 8)
    yield "chain_of_duplicates", small + duplicate(0, 2, 1) + duplicate(1, 3, 2) + get(2, 3) + store(3, 1, 30) + info
    yield "duplicate_of_itself", small + store(0, 1, 30) + duplicate(0, 1, 1) + get(1, 1)
    yield "full", limited_with_timeout + b"".join(store(0, identifier, 250 - identifier) for identifier in range(8))
    yield "half_a_set", limited_with_timeout + step(4, 1, 1, *struct.pack("<Q", 2000), 0) + leave + store(0, 1, 40)
    delete_owner = step(13, 2, 9, 0)
    yield "delete_owner", small + store(0, 9, 40) + store(0, 1, 8) + store(1, 10, 50) + delete_owner * 2 + info
    whole_set = step(14, 1, 2, 0, 4 << 2, *b"four")
    whole_get = step(14, 2, 2, 1, 0)
    yield "whole_requests", small + whole_get + whole_set + whole_get + step(14, 3, 5, 3, 1, 2) + get(3, 5) + info
    yield "whole_request_with_wrong_length", small + step(14, 1, 2, 0, 4 << 2 | 2, *b"four") + info
    yield "wrong_payload", small + step(4, 1, 1, *struct.pack("<Q", 10), 0) + step(15, 1, 0, 3, 1, 2, 3) + info
    yield "unknown_type", small + step(12, 1, 1, 9, 0, *bytes(8), 0)
    yield "short_header", small + step(15, 1, 0, 5, 1, 2, 3, 4, 5)


TARGETS = {
    "protocol_codec": codec_seeds,
    "ymq_frame_reader": frame_reader_seeds,
    "ymq_greeting": greeting_seeds,
    "object_storage_header": header_seeds,
    "object_storage_requests": request_seeds,
}


def main() -> None:
    """Write every seed into the folder of its target."""
    corpus = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "corpus"
    capnp.remove_import_hook()
    for target, seeds in TARGETS.items():
        folder = corpus / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in seeds():
            (folder / f"seed_{name}").write_bytes(content)


if __name__ == "__main__":
    main()
