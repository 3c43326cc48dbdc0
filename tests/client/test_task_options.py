"""What may be asked of a task, and how it travels."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from scaler.client.task_options import TaskOptions


def test_defaults_are_left_out() -> None:
    assert TaskOptions().fields == {}
    assert TaskOptions({}, 0, None, 0, (), None).fields == {}


def test_everything_at_once() -> None:
    fields = TaskOptions({"gpu": 1}, -3, 0.25, 2, (OSError, ValueError), 1e-9).fields
    assert pickle.loads(fields.pop("retry_on")) == (OSError, ValueError)
    assert fields == {
        "capabilities": {"gpu": 1},
        "priority": -3,
        "timeout_milliseconds": 250,
        "retries": 2,
        "deadline_milliseconds": 1,
    }


def test_one_type_and_very_long_times() -> None:
    fields = TaskOptions(retry_on=KeyError, timeout_seconds=1e12).fields
    assert pickle.loads(fields["retry_on"]) == (KeyError,)
    assert fields["timeout_milliseconds"] == 2**32 - 1


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"priority": 2**31}, ValueError, "priority"),
        ({"priority": 1.5}, ValueError, "priority"),
        ({"timeout_seconds": 0}, ValueError, "timeout_seconds must be a positive number of seconds, but got 0"),
        ({"timeout_seconds": float("nan")}, ValueError, "timeout_seconds"),
        ({"deadline_seconds": float("inf")}, ValueError, "deadline_seconds"),
        ({"deadline_seconds": -1}, ValueError, "deadline_seconds"),
        ({"retries": -1}, ValueError, "retries"),
        ({"retries": 1.5}, ValueError, "retries"),
        ({"retry_on": "ValueError"}, TypeError, "retry_on"),
        ({"retry_on": (ValueError, int)}, TypeError, "<class 'int'>"),
        ({"retry_on": [ValueError]}, TypeError, "retry_on"),
    ],
)
def test_nonsense_is_refused(options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        TaskOptions(**options)
