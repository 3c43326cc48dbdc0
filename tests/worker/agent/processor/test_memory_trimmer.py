"""Garbage collection in the background."""

from __future__ import annotations

import gc
import threading
import time
import weakref

from scaler.worker.agent.processor.memory_trimmer import MemoryTrimmer, resident_bytes


class Node:
    pass


def test_collects_cycles_and_trims():
    trimmer = MemoryTrimmer(30.0, trim_threshold_bytes=0)
    node = Node()
    node.itself = node
    reference = weakref.ref(node)
    gc.disable()
    try:
        del node
        assert reference() is not None
        trimmer.collect()
        assert reference() is None
    finally:
        gc.enable()


def test_knows_the_resident_size():
    assert 1 << 20 < resident_bytes() < 1 << 40


def test_thread_collects_after_tasks_and_ends():
    trimmer = MemoryTrimmer(0.01, trim_threshold_bytes=1 << 60)
    collected = threading.Event()
    trimmer.collect = collected.set
    trimmer.start()
    thread = next(each for each in threading.enumerate() if each.name == "memory-trimmer")
    assert not collected.wait(0.05), "there was no task"
    trimmer.on_work()
    assert collected.wait(5)
    trimmer.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_an_interval_of_zero_means_never():
    before = time.monotonic()
    MemoryTrimmer(0, 0).start()
    assert all(each.name != "memory-trimmer" for each in threading.enumerate())
    assert time.monotonic() - before < 1


def test_a_system_that_does_not_tell_the_size_ends_nothing(monkeypatch):
    def refuse(*_arguments, **_keywords):
        raise OSError(24, "Too many open files")  # as when a task has used up all descriptors

    trimmer = MemoryTrimmer(30.0, trim_threshold_bytes=1 << 60)
    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", refuse)
        assert resident_bytes() == 0
        trimmer.collect()
