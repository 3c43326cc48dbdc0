"""Random histories of an agent and models of its processors.

Every task gets exactly one end, none starts after it was taken back, and one processor at a time is at work.
"""

from __future__ import annotations

import random

import pytest
from agent_fixture import AgentFixture, ProcessorModel, task_id

from scaler.protocol import codec

CANCELED = codec.TaskCancelConfirmType.canceled
STEPS = 250


class History:
    """One seeded run. ``held`` is what the agent owes an end, by the scheduler's books."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.agent = AgentFixture(
            fed_limit=self.random.choice([1, 3, 64]), task_timeout_seconds=self.random.choice([0.0, 50.0])
        )
        self.agent.ready()
        self.next_task = 0
        self.levels: dict[int, int] = {}
        self.held: set[int] = set()
        self.taken_back: set[int] = set()  # confirmed as canceled: must never start afterwards
        self.dead: set[bytes] = set()
        self.seen_ends = 0
        self.seen_starts: dict[int, int] = {}

    def step(self) -> None:
        weights = {
            self.submit: 30,
            self.cancel: 15,
            self.start: 30,
            self.finish: 25,
            self.flush: 20,
            self.die: 3,
            self.initialize: 8,
            self.lose: 0.5,
            self.wait: 10,
        }
        self.random.choices(list(weights), list(weights.values()))[0]()
        self.account()

    @property
    def living(self) -> list[ProcessorModel]:
        return [model for model in self.agent.processors if model.identity not in self.dead]

    def any_living(self) -> ProcessorModel | None:
        living = self.living
        return self.random.choice(living) if living else None

    def submit(self) -> None:
        for _ in range(self.random.randint(1, 5)):
            self.held.add(self.next_task)
            level = self.random.choice([0, 0, 0, 0, 0, 1, 1, 2, 3])
            self.levels[self.next_task] = level
            self.agent.tasks(self.next_task, priority=self.random.choice([0, 0, 0, 1]), level=level)
            self.next_task += 1

    def cancel(self) -> None:
        if self.held and self.random.random() < 0.9:
            number = self.random.choice(sorted(self.held))
        else:
            number = self.random.randrange(self.next_task + 3)
        if number not in self.taken_back:
            self.agent.cancel(number, force=self.random.random() < 0.4)

    def start(self) -> None:
        model = self.any_living()
        if model is not None and model.running is None:
            model.start_next()

    def finish(self) -> None:
        model = self.any_living()
        # One that is told to stand still may end its task before it does.
        if model is not None and model.running is not None and (not model.suspended or self.random.random() < 0.2):
            model.finish()
            if self.random.random() < 0.5:
                model.start_next()

    def flush(self) -> None:
        model = self.any_living()
        if model is not None:
            self.agent.flush_results(model)

    def die(self) -> None:
        model = self.any_living()
        if model is not None:
            self.end(model)

    def end(self, model: ProcessorModel) -> None:
        if self.random.random() < 0.3:
            self.agent.flush_results(model)
        self.dead.add(model.identity)
        model.running = None
        self.agent.die(self.random.choice([-9, -11, 1]), link=self.random.random() < 0.7, model=model)
        model.inbox.clear()

    def initialize(self) -> None:
        model = self.any_living()
        if model is not None:
            self.agent.core.on_processor_initialized(model.identity)
            self.agent.settle()

    def lose(self) -> None:
        self.agent.core.on_scheduler_lost(self.agent.now)
        self.agent.settle()
        self.held.clear()
        self.agent.core.on_scheduler_connected(self.agent.now)

    def wait(self) -> None:
        self.agent.core.on_heartbeat_echo(self.agent.now)
        self.agent.tick(self.random.choice([0.1, 0.3, 6.0]))
        for model in self.living:
            if model.killed:
                model.unsent.clear()
                self.end(model)

    def account(self) -> None:
        """Check what has happened in this step against what was known before it."""
        for index, model in enumerate(self.agent.processors):
            started = set(model.started[self.seen_starts.get(index, 0) :])
            assert not started & self.taken_back, "a task started after it was confirmed as canceled"
            self.seen_starts[index] = len(model.started)
        working = [model for model in self.living if model.running and not model.suspended and not model.killed]
        assert len(working) <= 1, "two processors are at work"
        ended = self.agent.ends()
        for number in ended[self.seen_ends :]:
            assert number in self.held, f"task {number} was ended twice"
            self.held.remove(number)
        self.seen_ends = len(ended)
        self.taken_back.update(number for number, verdict in self.agent.verdicts() if verdict == CANCELED)
        assert all(task_id(number) in self.agent.core.tasks for number in self.held)
        assert len(self.agent.core.tasks) == len(self.held)

    def waits(self, model: ProcessorModel) -> bool:
        """Return whether the task that runs may be a parent that waits: something deeper has not ended."""
        return self.levels[model.started[-1]] < max(self.levels[number] for number in self.held)

    def finish_everything(self) -> None:
        """Let everything end, each task after what is nested deeper."""
        for _ in range(5000):
            if not self.held or self.agent.quits:  # five processors in a row died before they could serve
                break
            for model in self.living:
                self.agent.core.on_processor_initialized(model.identity)
                self.agent.settle()
                if model.running is None:
                    model.start_next()
                if model.running is not None and not model.suspended and not self.waits(model):
                    model.finish()
                self.agent.flush_results(model)
            self.wait()
            self.account()
        if not self.agent.quits:
            assert not self.held
            assert len(self.agent.core.tasks) == 0
            assert not any(model.suspended for model in self.living)


@pytest.mark.parametrize("block", range(10))
def test_every_task_gets_exactly_one_end(block):
    quits = 0
    for seed in range(block * 20, block * 20 + 20):
        history = History(seed)
        try:
            for _ in range(STEPS):
                history.step()
            history.finish_everything()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        quits += bool(history.agent.quits)
    assert quits < 5, "most histories must run to their end"
