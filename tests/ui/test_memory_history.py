"""The memory of tasks over time: sums, means, and that nothing old is kept."""

from __future__ import annotations

from scaler.ui.memory_history import HISTORY_SECONDS, MemoryHistory

NOW = 50_000.0


def by_second(history: MemoryHistory, now: float, window: int = 300) -> dict[int, float]:
    return {second: round(size, 3) for second, size in history.points(now, window) if size}


def test_tasks_at_the_same_time_add_up() -> None:
    history = MemoryHistory()
    history.add(NOW - 3, NOW, 100)
    history.add(NOW - 2, NOW - 1, 50)
    assert by_second(history, NOW) == {49_997: 100, 49_998: 150, 49_999: 100}


def test_a_part_of_a_second_counts_as_that_part() -> None:
    history = MemoryHistory()
    history.add(NOW + 0.25, NOW + 0.75, 100)
    history.add(NOW + 0.75, NOW + 1.5, 100)
    assert by_second(history, NOW + 2) == {50_000: 75, 50_001: 50}


def test_a_window_has_a_point_for_each_second_and_300_at_most() -> None:
    history = MemoryHistory()
    history.add(NOW - 1500, NOW - 1490, 7)
    assert len(history.points(NOW, 300)) == 300
    points = history.points(NOW, HISTORY_SECONDS)
    assert len(points) == 300
    assert max(size for _, size in points) == 7
    assert by_second(history, NOW, 300) == {}


def test_what_is_older_than_the_history_is_forgotten() -> None:
    history = MemoryHistory()
    history.add(NOW - 10, NOW, 100)
    later = NOW + HISTORY_SECONDS + 20
    assert by_second(history, later, HISTORY_SECONDS) == {}
    history.add(NOW, later, 5)  # a task that ran longer than the history is
    assert set(by_second(history, later, HISTORY_SECONDS).values()) == {5}


def test_an_end_long_after_all_others_leaves_nothing_of_them() -> None:
    history = MemoryHistory()
    history.add(NOW - 1, NOW, 100)
    later = NOW + 5 * HISTORY_SECONDS
    history.add(later - 1, later, 1)
    assert list(by_second(history, later, HISTORY_SECONDS).values()) == [1]
