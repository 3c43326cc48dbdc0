"""A stack: what ends it, and in which order its processes are stopped."""

import signal

import pytest
from supervised_children import Child

from scaler.cluster.stack import Stack, Stage, run_stack
from scaler.cluster.supervision import StopSignals


@pytest.fixture
def children():
    made: list[Child] = []

    def make(behaviour: str) -> Child:
        made.append(Child(behaviour))
        return made[-1]

    yield make
    for child in made:
        child.close()
        child.readiness.close()


def test_the_end_of_one_ends_all_with_its_status(children, caplog):
    sleeping, dying = children("sleeping"), children("dying")

    def start(stack: Stack) -> None:
        stack.start(sleeping, Stage.storage)
        stack.start(dying, Stage.others)

    assert run_stack("program", start) == 4
    assert "program: dying ended: exit code 4" in caplog.messages
    assert sleeping.exitcode == -signal.SIGTERM


@pytest.mark.parametrize(("stage", "status"), [(Stage.others, 0), (Stage.scheduler, 0), (Stage.storage, 1)])
def test_only_a_storage_must_not_end_well(stage, status, children):
    assert run_stack("program", lambda stack: stack.start(children("short"), stage)) == status


def test_a_start_that_fails_stops_what_was_started(children):
    sleeping = children("sleeping")

    def start(stack: Stack) -> None:
        stack.start(sleeping, Stage.storage)
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        run_stack("program", start)
    assert sleeping.exitcode == -signal.SIGTERM


def test_users_are_stopped_before_what_they_use(children, monkeypatch):
    stopped: list[str] = []
    stack = Stack("program")
    for stage in Stage:
        child = children("sleeping")
        stack.start(child, stage)
        monkeypatch.setattr(child, "terminate", lambda child=child, stage=stage: (stopped.append(stage), child.kill()))
    with StopSignals() as signals:
        signals.disarm()
        assert stack.stop()
    assert stopped == [Stage.others, Stage.scheduler, Stage.storage]
