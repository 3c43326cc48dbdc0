"""Many who ask cost one reading, and none waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from scaler.metrics.readings import NoFiguresError, Readings

LONG_SECONDS = 30.0


class Source:
    """Counts how often it is read; waits for its gate."""

    def __init__(self) -> None:
        self.count = 0
        self.failure: Exception | None = None
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> int:
        self.count += 1
        self.entered.set()
        assert self.gate.wait(LONG_SECONDS)
        if self.failure is not None:
            raise self.failure
        return self.count


@pytest.fixture
def source() -> Iterator[Source]:
    source = Source()
    yield source
    source.gate.set()


def test_nothing_is_read_before_somebody_asks_and_fresh_figures_are_shared(source: Source) -> None:
    readings = Readings(source, fresh_seconds=LONG_SECONDS)
    assert source.count == 0
    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(lambda _: readings.latest(LONG_SECONDS), range(100))) == {1}
    assert source.count == 1
    readings.close()


def test_figures_that_are_not_fresh_are_read_again(source: Source) -> None:
    readings = Readings(source, fresh_seconds=0)
    assert [readings.latest(LONG_SECONDS) for _ in range(3)] == [1, 2, 3]
    readings.close()


def test_a_failure_is_told_and_the_next_reading_may_do(source: Source) -> None:
    readings = Readings(source, fresh_seconds=0)
    source.failure = ConnectionError("it has gone")
    with pytest.raises(NoFiguresError, match=r"^it has gone$"):
        readings.latest(LONG_SECONDS)
    source.failure = None
    assert readings.latest(LONG_SECONDS) == 2
    readings.close()


def test_a_source_that_stands_still_is_not_waited_for_and_old_figures_are_not_given(source: Source) -> None:
    readings = Readings(source, fresh_seconds=0)
    assert readings.latest(LONG_SECONDS) == 1
    source.gate.clear()
    for _ in range(3):
        with pytest.raises(NoFiguresError, match=r"^no answer within 0\.01 seconds$"):
            readings.latest(0.01)
    assert source.count == 2
    source.gate.set()
    assert readings.latest(LONG_SECONDS) >= 2
    readings.close()


def test_who_asks_during_a_reading_gets_it_and_causes_no_other(source: Source) -> None:
    source.gate.clear()
    readings = Readings(source, fresh_seconds=LONG_SECONDS)
    for _ in range(2):  # the second one finds the first reading under way
        with pytest.raises(NoFiguresError):
            readings.latest(0.01)
        assert source.entered.wait(LONG_SECONDS)
    assert readings._is_wanted
    source.gate.set()
    with readings._changed:
        assert readings._changed.wait_for(lambda: readings._readings == 1, LONG_SECONDS)
        assert not readings._is_wanted
    readings.close()
    assert source.count == 1


def test_closing_ends_the_thread() -> None:
    before = threading.active_count()
    readings = Readings(Source())
    readings.close()
    readings.close()
    assert threading.active_count() == before
    with pytest.raises(NoFiguresError):
        readings.latest(LONG_SECONDS)
