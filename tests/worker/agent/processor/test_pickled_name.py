"""The names of functions that cannot be loaded."""

from __future__ import annotations

import functools
import math

import cloudpickle
import pytest

from scaler.client.serializer.default import DefaultSerializer
from scaler.worker.agent.processor.pickled_name import pickled_name


def of_the_main_file() -> object:
    names: dict[str, object] = {"__name__": "__main__"}
    exec("def area(r, pi=3): return r * r * pi", names)
    return names["area"]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (math.sqrt, "math.sqrt"),
        (of_the_main_file(), "area()"),
        (functools.cache(of_the_main_file()), "area()"),  # type: ignore[arg-type]
        (functools.partial(of_the_main_file(), 1), "functools.partial"),  # type: ignore[arg-type]
        (7, ""),
    ],
)
def test_the_name_of_what_a_payload_begins_with(function: object, name: str) -> None:
    assert pickled_name(DefaultSerializer.serialize(function)) == name
    assert pickled_name(memoryview(DefaultSerializer.serialize(function))) == name


def test_what_is_no_pickle_has_no_name() -> None:
    assert pickled_name(b"") == ""
    assert pickled_name(b"garbage") == ""
    assert pickled_name(cloudpickle.dumps(of_the_main_file())[:20]) == ""
