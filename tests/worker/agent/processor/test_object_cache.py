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
