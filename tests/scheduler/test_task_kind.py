"""What tasks have in common is kept once."""

from scaler.scheduler.allocate_policy.needs import NO_NEEDS, needs_of
from scaler.scheduler.task.task_kind import TaskKinds


def test_tasks_that_are_alike_share_their_kind() -> None:
    kinds = TaskKinds()
    needs = needs_of({"gpu": 1})
    described = [(b"f", NO_NEEDS, 0, 0), (b"g", NO_NEEDS, 0, 0), (b"f", needs, 0, 0), (b"f", NO_NEEDS, -1, 2)]
    found = [kinds.get(*parts) for parts in described]
    assert len({id(kind) for kind in found}) == 4
    again = [
        kinds.get(bytes(bytearray(function)), needs, priority, level) for function, needs, priority, level in described
    ]
    assert all(one is other for one, other in zip(found, again, strict=True))
    assert [(kind.function_id, kind.needs, kind.priority, kind.level) for kind in found] == described


def test_rank_puts_depth_before_priority() -> None:
    kinds = TaskKinds()
    ranks = [kinds.get(b"f", NO_NEEDS, priority, level).rank for priority, level in [(-5, 0), (5, 0), (-5, 1)]]
    assert ranks == sorted(ranks)


def test_kinds_are_bounded() -> None:
    kinds = TaskKinds()
    first = kinds.get(b"f", NO_NEEDS, 0, 0)
    for priority in range(1, 10_000):
        kinds.get(b"f", NO_NEEDS, priority, 0)
    assert len(kinds) <= 256
    assert kinds.get(b"f", NO_NEEDS, 0, 0).rank == first.rank
