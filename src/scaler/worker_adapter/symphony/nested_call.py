"""Lets a function that runs in a service of Symphony know that it is a task, so that its own tasks are nested."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from scaler.protocol import codec
from scaler.worker.agent.processor.processor import Processor
from scaler.worker.agent.processor.processor_settings import ProcessorSettings


def as_task(function: Callable[..., Any], level: int, scheduler: str, storage: str) -> Callable[..., Any]:
    """Return the function as a task of that level. It travels by value: a service without Scaler just calls it."""

    def call(*arguments: Any) -> Any:
        try:
            from scaler.worker_adapter.symphony.nested_call import call_as_task
        except ImportError:
            return function(*arguments)
        return call_as_task(function, arguments, level, scheduler, storage)

    return call


def call_as_task(
    function: Callable[..., Any], arguments: tuple[Any, ...], level: int, scheduler: str, storage: str
) -> Any:
    """Call a function as the task of a processor, which is where a client looks for its scheduler and its level."""
    results: list[Any] = []
    failures: list[BaseException] = []

    def run(_task: codec.Task) -> bytes:
        try:
            results.append(function(*arguments))
        except BaseException as error:
            failures.append(error)
        return b""

    task = codec.Task(task_id=os.urandom(16), source=b"symphony", func_object_id=bytes(32), level=level)
    _processor(scheduler, storage).run_task(task, run)
    if failures:
        raise failures[0]
    return results[0]


@functools.lru_cache(maxsize=8)
def _processor(scheduler: str, storage: str) -> Processor:
    """Return the stand-in of a processor; it keeps the clients that the tasks of this process are given."""
    return Processor(ProcessorSettings(os.urandom(16), "", -1, -1, scheduler, storage))
