"""When groups of workers are started and stopped: events and a clock in, effects out, for each strategy."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
from growth import growth

from scaler.config.types.scaling_controller_strategy import ScalingControllerStrategy
from scaler.scheduler.allocate_policy.needs import NO_NEEDS, Needs, needs_of
from scaler.scheduler.controllers import scaling_controller
from scaler.scheduler.controllers.scaling_controller import (
    AskInfo,
    DrainWorker,
    Request,
    ScalingController,
    StartGroup,
    StopGroup,
)
from scaler.scheduler.controllers.scaling_policies.cluster_load import ClusterLoad, WorkerLoad
from scaler.scheduler.controllers.scaling_policies.scaling_policy import ScalingPolicy, Trend, trend
from scaler.scheduler.controllers.scaling_policies.worker_group import AdapterInfo, GroupState

VANILLA, FIXED_ELASTIC = ScalingControllerStrategy.VANILLA, ScalingControllerStrategy.FIXED_ELASTIC
PATIENCE = scaling_controller.PATIENCE_SECONDS


class ScaledCluster:
    """A controller, adapters that answer at once unless they are told not to, and the workers they have started."""

    def __init__(self, strategy: ScalingControllerStrategy = VANILLA, **info: Any) -> None:
        self.controller = ScalingController(ScalingPolicy(strategy))
        self.now = 0.0
        self.tasks = 0  # that wait or run, but for those that workers hold
        self.held: dict[bytes, int] = {}
        self.draining: set[bytes] = set()
        self.capabilities: dict[bytes, dict[str, int]] = {}
        self.unplaceable: dict[Needs, int] = {}
        self.infos = [AdapterInfo(**{**_INFO, **info}) for _ in range(strategy.number_of_adapters)]
        self.open: list[Request] = []
        self.starts: list[int] = []
        self.stops: list[str] = []
        self.boots = True  # started workers connect at once
        self.answers = True

    def worker(self, name: str, tasks: int = 0, **capabilities: int) -> None:
        """Let a worker connect, which no adapter has started."""
        self.held[name.encode()] = tasks
        self.capabilities[name.encode()] = capabilities

    def look(self, seconds: float = 1.0) -> None:
        """Let time pass, and the controller look; what it asks for is answered until it asks for nothing more."""
        self.now += seconds
        for _ in range(20):
            effects = self.controller.on_tick(self._load(), self.now)
            self.draining.update(effect.worker_id for effect in effects if isinstance(effect, DrainWorker))
            requests = [effect for effect in effects if not isinstance(effect, DrainWorker)]
            self.open += requests
            self._let_idle_ones_leave()
            if not requests or not self.answers:
                return
            self.answer()

    def looks(self, count: int) -> None:
        for _ in range(count):
            self.look()

    def answer(self) -> None:
        """Answer all requests."""
        requests, self.open = self.open, []
        for request in requests:
            if isinstance(request, AskInfo):
                self.controller.on_info(request.adapter, self.infos[request.adapter], self.now)
            elif isinstance(request, StartGroup):
                self._start(request.adapter)
            else:
                self.stops.append(request.group_id)
                self.controller.on_stopped(request.adapter, request.group_id)

    def fail(self) -> None:
        """Let all requests fail."""
        requests, self.open = self.open, []
        for request in requests:
            self.controller.on_failed(request, "for this test", self.now)

    def groups(self, state: GroupState | None = None) -> list[str]:
        return [group.group_id for group in self.controller.groups() if state in (None, group.state)]

    def members(self, group_id: str) -> list[bytes]:
        """Return the names of the workers that a group has."""
        number = int(group_id[1:])
        adapter = self.starts[number]
        return [f"{group_id}-{each}".encode() for each in range(self.infos[adapter].workers_per_group)]

    def _start(self, adapter: int) -> None:
        group_id = f"g{len(self.starts)}"
        self.starts.append(adapter)
        self.controller.on_started(adapter, group_id, frozenset(self.members(group_id)), self.now)
        if self.boots:
            for member in self.members(group_id):
                self.worker(member.decode(), **dict(self.infos[adapter].base_capabilities))

    def _let_idle_ones_leave(self) -> None:
        for worker in [each for each in self.draining if self.held.get(each) == 0]:
            del self.held[worker]
            self.draining.discard(worker)

    def _load(self) -> ClusterLoad:
        workers = {
            worker: WorkerLoad(tasks, worker in self.draining, self.capabilities.get(worker, {}))
            for worker, tasks in self.held.items()
        }
        takers = [worker for worker in workers if worker not in self.draining]
        unplaceable = self.unplaceable or ({NO_NEEDS: self.tasks} if self.tasks and not takers else {})
        return ClusterLoad(self.tasks + sum(self.held.values()), workers, unplaceable)


_INFO: dict[str, Any] = {"max_worker_groups": 10, "workers_per_group": 1, "base_capabilities": {}}


@pytest.mark.parametrize(
    ("tasks", "workers", "expected"),
    [
        (0, 0, Trend.stay),
        (1, 0, Trend.grow),
        (1, 1, Trend.stay),
        (10, 1, Trend.stay),
        (11, 1, Trend.grow),
        (0, 1, Trend.shrink),
        (1, 2, Trend.shrink),
        (2, 2, Trend.stay),
    ],
)
def test_thresholds(tasks: int, workers: int, expected: Trend) -> None:
    assert trend(tasks, workers) is expected


def test_nothing_happens_without_tasks_but_the_adapter_is_asked_what_it_is() -> None:
    cluster = ScaledCluster()
    cluster.answers = False
    cluster.look()
    assert cluster.open == [AskInfo(0)]
    cluster.answer()
    cluster.answers = True
    cluster.looks(30)
    assert (cluster.starts, cluster.stops) == ([], [])


def test_the_first_task_starts_one_group_however_long_it_boots() -> None:
    cluster = ScaledCluster()
    cluster.boots, cluster.tasks = False, 1
    cluster.looks(60)
    assert cluster.starts == [0]


def test_workers_on_their_way_count_as_workers() -> None:
    cluster = ScaledCluster(workers_per_group=4)
    cluster.boots, cluster.tasks = False, 100
    cluster.looks(60)
    assert len(cluster.starts) == 3  # 12 workers for 100 tasks


def test_a_start_that_is_not_answered_yet_is_not_repeated() -> None:
    cluster = ScaledCluster()
    cluster.look()
    cluster.tasks, cluster.answers = 5, False
    cluster.looks(5)
    assert cluster.open == [StartGroup(0)]


def test_it_grows_by_one_group_at_a_time_until_no_worker_is_missing() -> None:
    cluster = ScaledCluster()
    cluster.tasks = 35
    cluster.look()
    cluster.looks(20)
    assert len(cluster.starts) == 4


@pytest.mark.parametrize(("limit", "expected"), [(2, 2), (0, 0), (None, 5)])
def test_the_limit_of_the_adapter(limit: int | None, expected: int) -> None:
    cluster = ScaledCluster(max_worker_groups=limit)
    cluster.tasks = 50
    cluster.looks(20)
    assert len(cluster.starts) == expected


def test_an_adapter_that_is_full_is_asked_again_after_a_while() -> None:
    cluster = ScaledCluster()
    cluster.look()
    cluster.tasks, cluster.answers = 5, False
    cluster.look()
    cluster.open = []
    cluster.controller.on_full(0, "no room", cluster.now)
    cluster.answers = True
    cluster.look(scaling_controller.INFO_SECONDS - 1.5)
    assert cluster.starts == []
    cluster.look(2.0)
    assert cluster.starts == [0]


def test_failures_are_repeated_after_growing_pauses_that_end_with_a_success() -> None:
    cluster = ScaledCluster()
    cluster.answers = False
    cluster.tasks = 1
    attempts = []
    for second in range(70):
        cluster.look()
        if cluster.open:
            attempts.append(second)
            cluster.fail()
    assert attempts == [0, 1, 3, 7, 15, 31, 63]
    cluster.answers = True
    cluster.looks(65)
    assert cluster.starts == [0]


def test_a_lull_stops_no_worker() -> None:
    cluster = ScaledCluster()
    cluster.tasks = 5
    cluster.look()
    cluster.tasks = 0
    cluster.looks(int(PATIENCE) - 1)
    cluster.tasks = 5
    cluster.look()
    cluster.tasks = 0
    cluster.looks(int(PATIENCE))
    assert cluster.stops == []
    cluster.looks(3)
    assert cluster.groups() == []


def test_it_shrinks_to_nothing_one_group_after_the_other() -> None:
    cluster = ScaledCluster()
    cluster.tasks = 30
    cluster.looks(5)
    assert len(cluster.groups()) == 3
    cluster.tasks = 0
    cluster.looks(int(PATIENCE))
    counts = []
    for _ in range(6):
        cluster.look()
        counts.append(len(cluster.held))
    assert counts[-1] == 0 and all(before - after <= 1 for before, after in itertools.pairwise(counts))
    assert sorted(cluster.stops) == ["g0", "g1", "g2"]


def test_the_group_with_the_least_to_do_goes_and_first_ends_what_it_runs() -> None:
    cluster = ScaledCluster()
    cluster.tasks = 30
    cluster.looks(5)
    cluster.tasks = 0
    cluster.held.update({b"g0-0": 2, b"g1-0": 1, b"g2-0": 2})
    for number in range(9):  # idle ones, that nobody here has started
        cluster.worker(f"static{number}")
    cluster.looks(int(PATIENCE) + 1)
    assert cluster.groups(GroupState.draining) == ["g1"]
    assert b"g1-0" in cluster.draining and cluster.stops == []
    cluster.held[b"g1-0"] = 0
    cluster.looks(2)
    assert cluster.stops[0] == "g1"


def test_a_group_stays_when_its_end_would_make_the_cluster_grow_again() -> None:
    cluster = ScaledCluster(workers_per_group=16)
    cluster.worker("static", tasks=1)
    cluster.tasks = 11
    cluster.looks(3)
    assert len(cluster.starts) == 1
    cluster.looks(60)
    assert (len(cluster.starts), cluster.stops) == (1, [])


def test_the_only_group_stays_as_long_as_there_are_tasks() -> None:
    cluster = ScaledCluster(workers_per_group=4)
    cluster.tasks = 1
    cluster.look()
    cluster.tasks, cluster.held[b"g0-0"] = 0, 1
    cluster.looks(60)
    assert (cluster.starts, cluster.stops) == ([0], [])


def test_static_workers_alone_are_left_alone() -> None:
    cluster = ScaledCluster()
    for number in range(5):
        cluster.worker(f"static{number}")
    cluster.looks(60)
    assert (cluster.starts, cluster.stops, cluster.draining) == ([], [], set())


def test_workers_that_never_connect_are_stopped_after_a_while() -> None:
    cluster = ScaledCluster()
    cluster.boots, cluster.tasks = False, 1
    cluster.look()
    cluster.look(scaling_controller.BOOT_SECONDS - 1)
    assert cluster.stops == []
    cluster.look(1)
    assert cluster.stops == ["g0"]


def test_a_group_whose_workers_have_died_is_given_up_and_replaced() -> None:
    cluster = ScaledCluster()
    cluster.tasks = 1
    cluster.look()
    del cluster.held[b"g0-0"]
    cluster.look()
    assert cluster.starts == [0, 0]  # its tasks wait, and are not to wait for the group
    cluster.looks(int(scaling_controller.GONE_SECONDS) + 1)
    assert cluster.stops == ["g0"]


def test_a_group_whose_worker_comes_back_is_kept() -> None:
    cluster = ScaledCluster()
    cluster.tasks = 5
    cluster.look()
    lost = cluster.held.pop(b"g0-0")
    cluster.looks(5)
    cluster.held[b"g0-0"] = lost
    cluster.looks(20)
    assert "g0" not in cluster.stops


def test_a_worker_that_has_drained_and_does_not_leave_is_stopped_by_its_adapter() -> None:
    cluster = ScaledCluster()
    cluster.tasks = 1
    cluster.look()
    cluster.tasks = 0
    cluster._let_idle_ones_leave = lambda: None  # type: ignore[method-assign]
    cluster.looks(int(PATIENCE) + 1)
    assert cluster.groups(GroupState.draining) == ["g0"]
    cluster.looks(int(scaling_controller.DISMISS_SECONDS) + 1)
    assert cluster.stops == ["g0"]


def test_groups_of_an_earlier_life_are_adopted_and_those_that_are_gone_forgotten() -> None:
    cluster = ScaledCluster()
    cluster.starts.append(0)
    cluster.worker("g0-0")
    cluster.infos = [AdapterInfo(10, 1, {}, {"g0": frozenset([b"g0-0"])})]
    cluster.look()
    assert cluster.groups() == ["g0"]
    cluster.infos = [AdapterInfo(10, 1, {}, {})]
    cluster.look(scaling_controller.INFO_SECONDS)
    assert (cluster.groups(), cluster.stops) == ([], [])


def test_a_stop_that_fails_is_repeated() -> None:
    cluster = ScaledCluster()
    cluster.tasks = 1
    cluster.look()
    cluster.tasks, cluster.answers = 0, False
    for _ in range(int(PATIENCE) + 3):
        cluster.look()
        cluster.fail()
    assert cluster.groups(GroupState.stopping) == ["g0"]
    cluster.answers = True
    cluster.looks(120)
    assert (cluster.stops, cluster.groups()) == (["g0"], [])


def answer_all_but_stops_of(cluster: ScaledCluster, *group_ids: str) -> None:
    """Look for five minutes; stops of these groups fail."""
    for _ in range(300):
        cluster.look()
        requests, cluster.open = cluster.open, []
        for request in requests:
            cluster.open = [request]
            if isinstance(request, StopGroup) and request.group_id in group_ids:
                cluster.fail()
            else:
                cluster.answer()


def test_stops_that_fail_again_and_again_keep_nothing_else_waiting() -> None:
    cluster = ScaledCluster()
    cluster.tasks = 31
    cluster.looks(5)
    assert cluster.groups() == ["g0", "g1", "g2", "g3"]
    cluster.tasks, cluster.answers = 0, False
    answer_all_but_stops_of(cluster, "g0", "g1")
    assert (cluster.groups(GroupState.stopping), cluster.stops) == (["g0", "g1"], ["g2", "g3"])
    cluster.tasks = 5
    answer_all_but_stops_of(cluster, "g0", "g1")
    assert cluster.groups(GroupState.running) == ["g4"]
    cluster.tasks = 0
    answer_all_but_stops_of(cluster, "g0")
    assert cluster.groups() == ["g0"]


def test_a_look_at_very_many_groups_and_needs_takes_a_time_by_their_number() -> None:
    def prepare(looks: int) -> Callable[[], None]:
        cluster = ScaledCluster(base_capabilities={"memory": -1}, max_worker_groups=None)
        cluster.boots = False
        cluster.tasks = 10_000
        cluster.looks(looks)
        assert len(cluster.groups()) > 12 * looks  # none of whose workers have connected
        cluster.unplaceable = {needs_of({"memory": amount}): 1 for amount in range(1, 5000)}
        cluster.answers = False
        return lambda: cluster.looks(5)

    assert growth(prepare, 2, 25) < 5  # and more than ten, when the groups are looked at for each kind of needs


# -- two adapters


def test_fixed_elastic_keeps_one_group_of_the_first_and_grows_with_the_second() -> None:
    cluster = ScaledCluster(FIXED_ELASTIC)
    cluster.tasks = 45
    cluster.looks(20)
    assert cluster.starts == [0, 1, 1, 1, 1]


def test_fixed_elastic_counts_the_limit_of_each_adapter_by_itself() -> None:
    cluster = ScaledCluster(FIXED_ELASTIC)
    cluster.infos = [AdapterInfo(1, 1, {}), AdapterInfo(2, 1, {})]
    cluster.tasks = 100
    cluster.looks(20)
    assert cluster.starts == [0, 1, 1]


def test_fixed_elastic_stops_groups_of_the_second_first() -> None:
    cluster = ScaledCluster(FIXED_ELASTIC)
    cluster.tasks = 25
    cluster.looks(5)
    cluster.tasks = 0
    cluster.looks(int(PATIENCE) + 10)
    assert [cluster.starts[int(group_id[1:])] for group_id in cluster.stops] == [1, 1, 0]


def test_fixed_elastic_does_without_a_first_adapter_that_is_dead() -> None:
    cluster = ScaledCluster(FIXED_ELASTIC)
    cluster.answers = False
    cluster.tasks = 1
    for _ in range(10):
        cluster.look()
        dead = [request for request in cluster.open if request.adapter == 0]
        cluster.open = [request for request in cluster.open if request.adapter == 1]
        for request in dead:
            cluster.controller.on_failed(request, "for this test", cluster.now)
        cluster.answer()
    assert cluster.starts == [1]


# -- capabilities


def test_what_no_adapter_offers_starts_nothing() -> None:
    cluster = ScaledCluster()
    cluster.tasks, cluster.unplaceable = 50, {needs_of({"gpu": 1}): 50}
    cluster.looks(20)
    assert cluster.starts == []


def test_what_an_adapter_offers_and_idle_workers_do_not_starts_a_group_and_keeps_it() -> None:
    cluster = ScaledCluster(base_capabilities={"gpu": 1})
    for number in range(20):
        cluster.worker(f"static{number}")
    cluster.look()
    cluster.boots, cluster.tasks, cluster.unplaceable = False, 2, {needs_of({"gpu": 1}): 2}
    cluster.looks(3)
    assert cluster.starts == [0]
    cluster.worker("g0-0", tasks=2, gpu=1)
    cluster.tasks, cluster.unplaceable = 0, {}
    cluster.looks(60)
    assert (cluster.stops, cluster.draining) == ([], set())  # no idle worker can take what it would give up
    cluster.held[b"g0-0"] = 0
    cluster.looks(3)
    assert cluster.stops == ["g0"]


# -- anything may happen


@pytest.mark.parametrize("seed", range(200))
def test_whatever_happens_it_settles_and_counts_right(seed: int) -> None:
    chance = random.Random(seed)
    strategy = chance.choice([VANILLA, FIXED_ELASTIC])
    limit = chance.choice([1, 3, None])
    cluster = ScaledCluster(strategy, max_worker_groups=limit, workers_per_group=chance.randint(1, 3))
    for _ in range(150):
        cluster.tasks = chance.choice([0, cluster.tasks, chance.randint(0, 60)])
        cluster.boots = chance.random() < 0.7
        cluster.answers = chance.random() < 0.7
        if cluster.held and chance.random() < 0.1:
            del cluster.held[chance.choice(sorted(cluster.held))]
        cluster.look(chance.choice([0.0, 1.0, 1.0, 20.0]))
        assert len(cluster.open) <= strategy.number_of_adapters
        if cluster.open and chance.random() < 0.3:
            cluster.fail()
        elif chance.random() < 0.6:
            cluster.answer()
        if limit is not None:
            assert len(cluster.groups()) <= limit * strategy.number_of_adapters
    cluster.answer()
    cluster.tasks, cluster.answers, cluster.boots = 0, True, True
    cluster.looks(500)
    assert (cluster.groups(), cluster.held, cluster.open) == ([], {}, [])
