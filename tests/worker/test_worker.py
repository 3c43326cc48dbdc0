"""A worker's constructor: what it refuses, and what is known before its start."""

from __future__ import annotations

import pickle
import sys

import pytest

from scaler.utility.identifiers import WorkerID
from scaler.worker.worker import Worker

ARGUMENTS = {
    "event_loop": "builtin",
    "name": "one",
    "address": "tcp://127.0.0.1:1",
    "object_storage_address": None,
    "preload": None,
    "capabilities": {"gpu": 1},
    "io_threads": 1,
    "task_queue_size": 10,
    "heartbeat_interval_seconds": 2,
    "garbage_collect_interval_seconds": 30,
    "trim_memory_threshold_bytes": 1 << 30,
    "task_timeout_seconds": 0,
    "death_timeout_seconds": 300,
    "hard_processor_suspend": False,
    "logging_paths": ("/dev/stdout",),
    "logging_level": "INFO",
}


class Address:
    def to_address(self) -> str:
        return "tcp://10.0.0.1:2"


def test_has_an_identity_before_its_start():
    worker = Worker(**ARGUMENTS)
    assert isinstance(worker.identity, WorkerID)
    assert worker.identity.startswith(b"Worker|one|")
    assert worker.identity != Worker(**ARGUMENTS).identity
    assert worker.name == "Agent" and worker.pid is None


def test_travels_with_its_identity():
    worker = Worker(**{**ARGUMENTS, "address": Address(), "object_storage_address": Address()})
    copy = pickle.loads(pickle.dumps(worker))
    assert copy.identity == worker.identity
    assert copy._settings.scheduler_address == copy._settings.object_storage_address == "tcp://10.0.0.1:2"


def test_refuses_an_unknown_event_loop():
    with pytest.raises(TypeError, match="builtin"):
        Worker(**{**ARGUMENTS, "event_loop": "other"})


def test_refuses_uvloop_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(ImportError):
        Worker(**{**ARGUMENTS, "event_loop": "uvloop"})


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_requires_every_argument(name):
    with pytest.raises(TypeError, match=name):
        Worker(**{key: value for key, value in ARGUMENTS.items() if key != name})
