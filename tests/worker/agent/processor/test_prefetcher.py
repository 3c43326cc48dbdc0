"""What the next tasks lack is fetched while a task runs: within bounds, in order, and at nobody's cost."""

from __future__ import annotations

import threading

import pytest
from test_task_loop import ScriptedSocket, make_task

from scaler.io.ymq.ymq import PeerEvent
from scaler.protocol import codec
from scaler.utility.exceptions import ObjectStorageException
from scaler.worker.agent.processor.agent_link import AgentLink
from scaler.worker.agent.processor.object_cache import ABSENT, ObjectCache
from scaler.worker.agent.processor.prefetcher import MOST_TASKS_AHEAD, Prefetcher
from scaler.worker.agent.processor.task_needs import TaskNeeds

pytestmark = pytest.mark.timeout(30)
FUNCTION = b"f" * 32


def name(text: str) -> bytes:
    return text.encode().ljust(32, b".")


def task(*arguments: str) -> codec.Task:
    values = [codec.Argument(codec.ArgumentType.objectID, name(each)) for each in arguments]
    return codec.Task(task_id=bytes(16), source=b"client", func_object_id=FUNCTION, function_args=values)


class Link:
    """What the agent has sent: the task that runs, and those behind it."""

    def __init__(self) -> None:
        self.taken = 1
        self.frames: list[bytes] | None = []

    def ahead(self) -> list[bytes] | None:
        return self.frames


class Store:
    """Objects by name; remembers what it was asked for."""

    def __init__(self) -> None:
        self.objects: dict[bytes, bytes] = {}
        self.asked: list[tuple[bytes, int]] = []
        self.is_down = False
        self.memory_is_full = False

    def get_object(self, object_id: bytes, maximum_bytes: int) -> bytes:
        self.asked.append((object_id, maximum_bytes))
        if self.is_down:
            raise ObjectStorageException("connection refused")
        if self.memory_is_full:
            raise MemoryError
        return self.objects[object_id][:maximum_bytes]

    def close(self) -> None:
        self.is_down = True


class Bench:
    """A prefetcher without its thread; tests look themselves."""

    def __init__(self, cache_bytes: int = 400) -> None:
        self.link, self.store, self.cache = Link(), Store(), ObjectCache(cache_bytes)
        self.prefetcher = Prefetcher(self.link, self.cache, self.store)  # type: ignore[arg-type]
        self.prefetcher._thread = threading.current_thread()
        self.shared = TaskNeeds().of(task())
        for object_id in self.shared:  # serializer and function
            self.cache.put(object_id, "shared", 1)

    def waits(self, *tasks: codec.Task) -> None:
        self.link.frames = [task("running").encode(), *(each.encode() for each in tasks)]

    def begin(self, *in_use: str) -> None:
        self.prefetcher.begin([*self.shared, *map(name, in_use)])

    def put(self, text: str, size: int) -> None:
        self.cache.put(name(text), text, size)

    def stored(self, **sizes: int) -> None:
        self.store.objects.update({name(text): text[:1].encode() * size for text, size in sizes.items()})

    def asked(self) -> list[str]:
        asked, self.store.asked = self.store.asked, []
        return [object_id.decode().rstrip(".") for object_id, _ in asked]

    def take(self, *texts: str) -> list[str]:
        return sorted(object_id.decode().rstrip(".") for object_id in self.prefetcher.take(map(name, texts)))


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.put("running", 1)
    bench.begin("running")
    return bench


def test_fetches_what_the_next_tasks_lack_in_order_and_once(bench: Bench) -> None:
    bench.stored(a=10, b=20, c=30)
    bench.put("cached", 5)
    bench.waits(task("b", "cached"), task("a", "b"))
    assert bench.prefetcher.look() and bench.prefetcher.look()
    assert bench.asked() == ["b", "a"]
    assert bench.prefetcher.held_bytes == 30
    assert bench.prefetcher.take([name("b"), name("x")]) == {name("b"): b"b" * 20}
    assert bench.prefetcher.held_bytes == 10


def test_sees_what_comes_while_the_task_runs(bench: Bench) -> None:
    bench.stored(a=10)
    bench.waits()
    assert bench.prefetcher.look() and bench.asked() == []
    bench.waits(task("a"))
    assert bench.prefetcher.look() and bench.asked() == ["a"]


def test_looks_at_a_bounded_number_of_tasks(bench: Bench) -> None:
    bench.stored(**{f"o{number}": 1 for number in range(20)})
    bench.waits(*(task(f"o{number}") for number in range(20)))
    bench.prefetcher.look()
    assert len(bench.asked()) == MOST_TASKS_AHEAD


def test_holds_no_more_than_its_share_of_the_bound(bench: Bench) -> None:
    bench.stored(a=60, b=60, c=10)
    bench.waits(task("a"), task("b"), task("c"))
    for _ in range(3):
        assert bench.prefetcher.look()
        assert bench.prefetcher.held_bytes == 60
    assert bench.store.asked == [(name("a"), 101), (name("b"), 41)], "what was too large is not asked for over and over"
    bench.asked()
    assert bench.take("a") == ["a"]
    bench.waits(task("b"), task("c"))
    bench.prefetcher.look()
    assert bench.asked() == ["b", "c"], "now there is room"


def test_what_is_larger_than_its_share_is_left_to_the_task(bench: Bench) -> None:
    bench.stored(large=1000, a=1)
    bench.waits(task("large"), task("a"))
    bench.prefetcher.look()
    bench.prefetcher.look()
    assert bench.store.asked == [(name("large"), 101)] and bench.prefetcher.held_bytes == 0


def test_the_cache_makes_room_but_keeps_what_the_running_task_uses() -> None:
    bench = Bench(cache_bytes=402)
    bench.put("used", 200)
    bench.put("old", 100)
    bench.put("new", 100)
    bench.begin("used")
    assert [name(text) in bench.cache for text in ("used", "old", "new")] == [True, False, True]
    bench.put("next", 50)
    assert bench.cache.size_bytes <= 402 - 100


@pytest.mark.parametrize(("used", "limit"), [(350, 50), (400, 0)])
def test_it_takes_less_when_the_running_task_needs_more(used: int, limit: int) -> None:
    bench = Bench(cache_bytes=402)
    bench.put("used", used)
    bench.begin("used")
    bench.stored(a=50, b=1)
    bench.waits(task("a"), task("b"))
    bench.prefetcher.look()
    assert bench.prefetcher.held_bytes == limit
    assert name("used") in bench.cache
    assert bench.cache.size_bytes + bench.prefetcher.held_bytes <= 402


def test_what_it_holds_gives_way_when_a_task_needs_more(bench: Bench) -> None:
    bench.stored(a=40, b=40)
    bench.waits(task("a"), task("b"))
    bench.prefetcher.look()
    bench.put("used", 350)
    bench.begin("used")
    assert bench.prefetcher.held_bytes == 40
    assert bench.take("a", "b") == ["a"], "what is needed first stays"


def test_an_error_is_left_to_the_task(bench: Bench) -> None:
    bench.stored(a=1, b=1)
    bench.waits(task("a"), task("b"))
    bench.store.is_down = True
    assert bench.prefetcher.look() and bench.prefetcher.look()
    assert bench.asked() == ["a"], "it is not repeated"
    assert bench.take("a") == []


def test_what_no_task_needs_any_more_is_dropped(bench: Bench) -> None:
    bench.stored(a=10, b=10)
    bench.waits(task("a"), task("b"))
    bench.prefetcher.look()
    bench.waits(task("b"))  # the other was taken back
    bench.prefetcher.look()
    assert bench.prefetcher.held_bytes == 10 and bench.take("a", "b") == ["b"]


def test_it_ends_with_the_work_and_leaves_nothing(bench: Bench) -> None:
    bench.stored(a=10)
    bench.waits(task("a"))
    bench.prefetcher.look()
    bench.link.frames = None
    assert not bench.prefetcher.look()
    assert bench.prefetcher.held_bytes == 0
    bench.put("b", 397)
    assert name("running") in bench.cache and bench.cache.size_bytes == 400, "the cache has its whole bound again"


def test_it_does_not_go_on_for_tasks_that_have_all_they_need(bench: Bench) -> None:
    bench.stored(a=10)
    bench.link.taken += 1  # the next task runs, and did not begin a look
    bench.link.frames = [task("running").encode(), task("a").encode()]
    assert not bench.prefetcher.look()
    assert bench.asked() == []


def test_it_keeps_what_the_task_that_begins_right_now_needs(bench: Bench) -> None:
    bench.stored(a=10)
    bench.waits(task("a"))
    bench.prefetcher.look()
    bench.link.taken += 1
    bench.link.frames = [task("a").encode()]
    assert bench.prefetcher.look()
    assert bench.take("a") == ["a"]


def test_other_messages_do_not_matter(bench: Bench) -> None:
    bench.stored(a=10)
    bench.link.frames = [
        task("running").encode(),
        b"rubbish",
        codec.ObjectInstruction(instruction_type=codec.ObjectInstructionType.delete, object_ids=[bytes(32)]).encode(),
        task("a").encode(),
    ]
    bench.prefetcher.look()
    assert bench.asked() == ["a"]


# -- the thread


class SlowStore(Store):
    """Gives out objects when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_answer = threading.Event(), threading.Event()

    def get_object(self, object_id: bytes, maximum_bytes: int) -> bytes:
        self.is_asked.set()
        self.may_answer.wait()
        return super().get_object(object_id, maximum_bytes)

    def close(self) -> None:
        super().close()
        self.may_answer.set()


def start(store: Store, *tasks: codec.Task) -> Prefetcher:
    link, cache = Link(), ObjectCache(1000)
    link.frames = [task().encode(), *(each.encode() for each in tasks)]
    cache.put(TaskNeeds().of(task())[0], "serializer", 1)
    cache.put(FUNCTION, "function", 1)
    prefetcher = Prefetcher(link, cache, store)  # type: ignore[arg-type]
    prefetcher.begin([FUNCTION])
    return prefetcher


@pytest.mark.parametrize("is_down", [False, True])
def test_a_task_waits_for_what_is_on_its_way_however_that_ends(is_down: bool) -> None:
    store = SlowStore()
    store.objects[name("a")] = b"value"
    prefetcher = start(store, task("a"))
    assert store.is_asked.wait(10)
    assert prefetcher.take([name("other")]) == {}, "nobody waits for what others need"
    store.is_down = is_down
    threading.Timer(0.05, store.may_answer.set).start()
    assert prefetcher.take([name("a")]) == ({} if is_down else {name("a"): b"value"})
    prefetcher.close()


def test_it_ends_also_in_the_midst_of_a_fetch() -> None:
    store = SlowStore()
    prefetcher = start(store, task("a"))
    assert store.is_asked.wait(10)
    prefetcher.close()
    assert prefetcher._thread is not None
    prefetcher._thread.join(10)
    assert not prefetcher._thread.is_alive()


# -- where the tasks come from


def test_the_link_shows_what_waits_and_what_runs_and_loses_nothing() -> None:
    """Also what arrives while a task runs; in the order in which it came."""
    socket = ScriptedSocket([make_task(b"a"), make_task(b"b")], [make_task(b"d")])
    link = AgentLink(socket)
    assert link.ahead() == []
    seen, late = [], [[(b"agent", make_task(b"c"))]]
    socket.drain = lambda: late.pop() if late else []
    for frame in link.frames():
        assert link.taken == len(seen) + 1
        ahead = link.ahead()
        assert ahead is not None and ahead[0] is frame
        seen.append([codec.decode(each).task_id for each in ahead])
    assert seen == [[b"a", b"b", b"c"], [b"b", b"c"], [b"c"], [b"d"]]


def test_the_link_shows_nothing_while_it_waits() -> None:
    shown = []

    class Socket(ScriptedSocket):
        def recv_batch(self, timeout_seconds=None):
            shown.append(link.ahead())
            return super().recv_batch(timeout_seconds)

    link = AgentLink(Socket([make_task(b"a")], [PeerEvent.lost]))
    assert len(list(link.frames())) == 1
    assert shown == [None, None]


def test_a_cache_that_leaves_room_still_takes_what_fits_into_its_bound() -> None:
    cache = ObjectCache(100)
    cache.put(b"a", 1, 20)
    cache.reserve(25, [])
    cache.put(b"b", 2, 90)
    assert cache.get(b"b") == 2 and cache.get(b"a") is ABSENT
    cache.release()
    cache.put(b"c", 3, 10)
    assert cache.size_bytes == 100


def test_without_memory_the_task_fetches_itself_and_the_thread_goes_on():
    bench = Bench()
    bench.stored(a=10)
    bench.waits(task("a"))
    bench.begin()
    bench.store.memory_is_full = True
    assert bench.prefetcher.look()
    assert bench.take("a") == []
    bench.store.memory_is_full = False
    bench.waits()
    assert bench.prefetcher.look()  # nothing waits for it: it is forgotten that it could not be got
    bench.waits(task("a"))
    assert bench.prefetcher.look()
    assert bench.take("a") == ["a"]
