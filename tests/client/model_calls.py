"""Calls whose outcomes are known beforehand, by name; each is made of a number."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import model_tasks
from call_model import Outcome, failure

from scaler.utility.exceptions import ProcessorDiedError, TaskDeadlineError, TaskTimeoutError

LARGE_BYTES = 100_000


@dataclasses.dataclass
class Call:
    """What to submit, and what becomes of it unless it is cancelled."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    outcome: Outcome
    keywords: dict[str, Any] = dataclasses.field(default_factory=dict)
    capabilities: dict[str, int] | None = None
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


def _fill(number: int, size: int) -> Call:
    return Call(model_tasks.fill, (number, size), Outcome(bytes([number]) * size))


def _measure(number: int, size: int) -> Call:
    return Call(model_tasks.measure, (bytes(size),), Outcome(size * number), {"factor": number})


CALLS: dict[str, Callable[[int], Call]] = {
    "square": lambda number: Call(model_tasks.square, (number,), Outcome(number * number)),
    "by keyword": lambda number: Call(model_tasks.square, (), Outcome(number * number), {"number": number}),
    "with priority": lambda number: Call(
        model_tasks.square, (number,), Outcome(number * number), options={"priority": number - 100}
    ),
    "a nap": lambda number: Call(model_tasks.nap, (number, 0.05), Outcome(number)),
    "a small result": lambda number: _fill(number, 100),
    "no result": lambda number: _fill(number, 0),
    "a large result": lambda number: _fill(number, LARGE_BYTES),
    "a small argument": lambda number: _measure(number, 100),
    "a large argument": lambda number: _measure(number, LARGE_BYTES),
    "an exception": lambda number: Call(model_tasks.fail, (number,), failure(model_tasks.Unfit, f"bad {number}")),
    "an exception that cannot travel": lambda number: Call(
        model_tasks.fail_untravelled, (number,), failure(Exception, f"holds a lock {number}")
    ),
    "a result that cannot travel": lambda number: Call(
        model_tasks.return_lock, (number,), failure(Exception, "pickle")
    ),
    "the end of its process": lambda number: Call(
        model_tasks.end_process, (number % 100 + 1,), failure(ProcessorDiedError, number % 100 + 1)
    ),
    "a child": lambda number: Call(model_tasks.square_of_a_child, (number,), Outcome(number * number)),
    "too long": lambda number: Call(
        model_tasks.nap, (number, 60.0), failure(TaskTimeoutError), options={"timeout_seconds": 0.2}
    ),
    "for nobody": lambda number: Call(
        model_tasks.square,
        (number,),
        failure(TaskDeadlineError, "moon"),
        capabilities={"moon": number},
        options={"deadline_seconds": 0.2},
    ),
}
