"""The agent's connection to the scheduler: when heartbeats are due, and when silence is death."""

from scaler.worker.agent.scheduler_contact import SchedulerContact


def test_heartbeats_are_due_at_once_and_then_every_interval() -> None:
    link = SchedulerContact(heartbeat_interval_seconds=2.0, death_timeout_seconds=300.0, now=0.0)
    link.on_connected(0.0)
    assert [now for now in (0.0, 1.0, 2.0, 3.0, 4.0) if link.take_heartbeat(now)] == [0.0, 2.0, 4.0]


def test_heartbeats_fit_into_a_death_timeout_shorter_than_their_interval() -> None:
    link = SchedulerContact(heartbeat_interval_seconds=2.0, death_timeout_seconds=1.0, now=0.0)
    link.on_connected(0.0)
    for step in range(100):  # a scheduler that answers each heartbeat at once is never taken for dead
        now = step * 0.1
        if link.take_heartbeat(now):
            link.on_echo(now)
        assert not link.is_dead(now)


def test_silence_of_the_death_timeout_is_death_and_none_means_never() -> None:
    assert SchedulerContact(2.0, 1.0, now=0.0).is_dead(1.0)
    assert not SchedulerContact(2.0, 0.0, now=0.0).is_dead(1e9)
