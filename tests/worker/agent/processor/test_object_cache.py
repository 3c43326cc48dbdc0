"""The bounded cache of decoded objects."""

from __future__ import annotations

from scaler.worker.agent.processor.object_cache import ABSENT, ObjectCache


def test_tells_none_from_absent():
    cache = ObjectCache()
    cache.put(b"a", None, 1)
    assert cache.get(b"a") is None
    assert cache.get(b"b") is ABSENT


def test_drops_what_was_unused_for_longest():
    cache = ObjectCache(maximum_bytes=10)
    for name in (b"a", b"b"):
        cache.put(name, name, 5)
    cache.get(b"a")
    cache.put(b"c", b"c", 5)
    assert [cache.get(name) is ABSENT for name in (b"a", b"b", b"c")] == [False, True, False]
    assert cache.size_bytes == 10


def test_drops_as_many_as_it_takes():
    cache = ObjectCache(maximum_bytes=10)
    for number in range(10):
        cache.put(bytes([number]), number, 1)
    cache.put(b"large", 0, 8)
    assert len(cache) == 3
    assert cache.size_bytes == 10


def test_does_not_keep_what_is_larger_than_itself():
    cache = ObjectCache(maximum_bytes=10)
    cache.put(b"a", 1, 5)
    cache.put(b"b", 2, 11)
    assert cache.get(b"b") is ABSENT
    assert cache.get(b"a") == 1


def test_replaces_an_object():
    cache = ObjectCache(maximum_bytes=10)
    cache.put(b"a", 1, 8)
    cache.put(b"a", 2, 6)
    assert cache.get(b"a") == 2
    assert cache.size_bytes == 6


def test_discards():
    cache = ObjectCache()
    cache.put(b"a", 1, 5)
    cache.put(b"b", 2, 5)
    cache.discard([b"a", b"x"])
    assert cache.get(b"a") is ABSENT
    assert (len(cache), cache.size_bytes) == (1, 5)


# -- what no task uses


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def make_cache(retention_seconds: float) -> tuple[ObjectCache, Clock]:
    clock = Clock()
    cache = ObjectCache(now=clock)
    cache.retention_seconds = retention_seconds
    return cache, clock


def test_drops_what_no_task_has_used_for_the_retention_time():
    cache, clock = make_cache(60)
    cache.put(b"a", 1, 5)
    cache.put(b"b", 2, 7)
    assert cache.drop_unused() == 60
    clock.now += 40
    cache.get(b"a")
    assert cache.drop_unused() == 20
    clock.now += 20
    assert cache.drop_unused() == 40
    assert (len(cache), cache.size_bytes) == (1, 5)
    clock.now += 39.9
    assert cache.drop_unused() == 15, "it does not look for each object by itself"
    assert cache.get(b"a") == 1
    clock.now += 60
    assert cache.drop_unused() == 60, "it was used again"
    clock.now += 60
    assert cache.drop_unused() is None
    assert (len(cache), cache.size_bytes) == (0, 0)


def test_a_use_ends_with_its_task_however_long_that_runs():
    cache, clock = make_cache(60)
    cache.put(b"a", 1, 5)
    clock.now += 3600
    assert cache.drop_unused() == 60
    assert cache.get(b"a") == 1


def test_looks_now_and_then_when_tasks_follow_each_other_without_a_pause():
    cache, clock = make_cache(60)
    cache.put(b"old", 1, 5)
    seconds = 0
    while cache.size_bytes > 5 or seconds == 0:
        cache.put(b"used", 2, 5)
        cache.on_task_end()
        clock.now += 1
        seconds += 1
        assert seconds <= 60 * 1.5
    assert seconds >= 60 and cache.get(b"used") == 2 and cache.get(b"old") is ABSENT


def test_keeps_everything_without_a_retention_time():
    cache, clock = make_cache(0)
    cache.put(b"a", 1, 5)
    assert cache.drop_unused() is None
    clock.now += 1e9
    cache.on_task_end()
    assert cache.drop_unused() is None and cache.get(b"a") == 1
