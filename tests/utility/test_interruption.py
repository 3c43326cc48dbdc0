"""What signal handlers raise, told from other exceptions."""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from scaler.utility.interruption import is_interruption


class AlarmError(Exception):
    """What a handler raises."""


class Handler:
    """A handler that is a method, or an object."""

    def handle(self, number: int, frame: FrameType | None) -> None:
        raise AlarmError

    def __call__(self, **_: Any) -> None:
        raise AlarmError


def fail(*_: Any) -> None:
    raise AlarmError


def fail_at_once(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    try:
        fail()
    except AlarmError as error:
        raise AlarmError from error


def call_by_keywords(number: int, frame: FrameType | None) -> None:
    del number
    Handler()(frame=frame)


@pytest.fixture(autouse=True)
def handler_of_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize(
    "handler",
    [
        fail,
        fail_at_once,
        call_by_keywords,
        lambda *_: fail(),
        Handler().handle,
        functools.partial(fail, 1),
    ],
)
def test_the_exception_of_a_signal_handler_is_an_interruption(handler: Callable[..., None]) -> None:
    signal.signal(signal.SIGUSR1, handler)
    with pytest.raises(AlarmError) as info:
        signal.raise_signal(signal.SIGUSR1)
    assert is_interruption(info.value)


def test_ctrl_c_is_an_interruption() -> None:
    assert is_interruption(KeyboardInterrupt())


def test_other_exceptions_are_not() -> None:
    for call in (fail, Handler(), functools.partial(fail, 1, 2), lambda: b" ".decode("none")):
        with pytest.raises((AlarmError, LookupError)) as info:
            call()
        assert not is_interruption(info.value)
    assert not is_interruption(AlarmError())
