"""The threads that wait for Symphony: what becomes of tasks when the system gives no further one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from scaler.protocol import codec
from scaler.worker_adapter.symphony.executions import Execution, Executions


class NoSession:
    """A session with Symphony that nothing reaches."""

    def submit(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Future[Any]:
        raise AssertionError("nothing should be submitted")

    def fail(self, reason: str) -> None:
        pass


def test_a_task_for_which_there_is_no_thread_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    posted: list[Callable[[], None]] = []
    done: list[tuple[Execution, bytes]] = []
    executions = Executions(NoSession(), "tcp://127.0.0.1:1", "tcp://127.0.0.1:2", 1, posted.append)
    task = codec.Task(task_id=b"t" * 16, source=b"Client|c", func_object_id=bytes(32))
    execution = Execution(task, lambda _frame: None, lambda *arguments: done.append(arguments))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        executions.start(execution)
    for function in posted:
        function()
    [(ended, frame)] = done
    result = codec.decode(frame)
    assert ended is execution and isinstance(result, codec.TaskResult)
    assert (result.task_id, result.result_type) == (task.task_id, codec.TaskResultType.failed)
    executions.close()
