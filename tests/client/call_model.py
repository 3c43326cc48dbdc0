"""The model of a client's calls: what each future must end as, whatever the cluster does when."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scaler.client.future import ScalerFuture
from scaler.utility.exceptions import ObjectStorageException

WAIT_SECONDS = 30.0
"""Within this every task must end that nothing holds up."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One end of a future: a value, or an exception of a type with a text in it, or its cancellation."""

    value: Any = None
    error: type[BaseException] | None = None
    text: str = ""

    def fits(self, other: Outcome) -> bool:
        """Return whether what was seen is this outcome."""
        if self.error is None or other.error is None:
            return self.error is other.error and bool(self.value == other.value)
        return issubclass(other.error, self.error) and self.text in other.text


CANCELLED = Outcome(error=concurrent.futures.CancelledError)


def failure(error: type[BaseException], text: object = "") -> Outcome:
    """Return the outcome of a call that raises."""
    return Outcome(error=error, text=str(text))


class Gate:
    """Holds up the tasks that wait for it until it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.is_open = False

    def open(self) -> None:
        """Let the tasks go on; idempotent."""
        Path(self.path).touch()
        self.is_open = True


class Expectation:
    """A future, and what it may end as. What was seen of it once stays so for good."""

    def __init__(
        self,
        future: ScalerFuture,
        *outcomes: Outcome,
        gate: Gate | None = None,
        between_attempts: Outcome | None = None,
    ) -> None:
        """Expect one of the outcomes; ``between_attempts`` is that of a run which a cancelled task does not repeat."""
        self.future = future
        self.gate = gate
        self._outcomes = list(outcomes)
        self._stopped = [CANCELLED] if between_attempts is None else [CANCELLED, between_attempts]
        self._group: list[Expectation] = [self]
        self._seen: Outcome | None = None
        self._is_cancel_certain = False
        self._callbacks = 0
        self._calls: list[bool] = []
        self._lock = threading.Lock()

    @staticmethod
    def bind(expectations: Sequence[Expectation]) -> None:
        """Let the cancellation of one be that of all, as it is with the nodes of a graph."""
        for expectation in expectations:
            expectation._group = list(expectations)

    @property
    def is_held_up(self) -> bool:
        """Return whether it cannot end unless it is cancelled."""
        return self.gate is not None and not self.gate.is_open

    @property
    def is_settled(self) -> bool:
        """Return whether its end was seen, or will come without a gate being opened."""
        return not self.is_held_up or self._is_cancel_certain

    @property
    def may_be_cancelled(self) -> bool:
        """Return whether a cancel was asked for before its end was seen."""
        return CANCELLED in self._outcomes

    def allow_cancelled(self) -> None:
        """Note that a cancel is asked for. What has ended is not cancelled any more, nor is then its graph."""
        self._is_cancel_certain = True
        for member in self._group:
            if member._seen is None and not member.may_be_cancelled:
                member._outcomes += member._stopped

    def allow_gone(self) -> None:
        """Note that a result that is stored is deleted, unless somebody has fetched it."""
        if self._seen is None:
            self._outcomes.append(failure(ObjectStorageException, "has left"))

    def check_cancel(self, is_cancelled: bool) -> None:
        """Check the verdict on a cancel that was waited for."""
        assert self.future.done() and self.future.cancelled() is is_cancelled
        assert is_cancelled or not self.is_held_up, "a task that cannot end was not cancelled"
        self.check()
        for member in self._group if is_cancelled else ():
            member.check()
            if member.gate is not None:
                member.gate.open()  # nobody waits there any more

    def check_pending(self) -> None:
        """Check that a task that is held up and that nobody cancels has not ended."""
        if self.is_held_up and self._seen is None and not self.may_be_cancelled:
            assert self.future.running() and not self.future.done()

    def add_callback(self) -> None:
        """Let the end be told; at the end it must have been told once."""

        def note(future: Any) -> None:
            with self._lock:
                self._calls.append(future is self.future and future.done())

        self._callbacks += 1
        self.future.add_done_callback(note)

    @property
    def callbacks_missing(self) -> int:
        """Return how many calls have not come. Fail when one came too often, or too early."""
        with self._lock:
            assert all(self._calls) and len(self._calls) <= self._callbacks
            return self._callbacks - len(self._calls)

    def check(self) -> None:
        """Wait for the end, and check that it is one of those that may be, and the one that was seen before."""
        seen = self._look()
        assert any(outcome.fits(seen) for outcome in self._outcomes), f"{seen} is none of {self._outcomes}"
        if self._seen is not None:
            assert self._seen.fits(seen), f"{seen} was {self._seen}"
        self._seen = seen
        assert self.future.done() and not self.future.running()

    def _look(self) -> Outcome:
        try:
            error = self.future.exception(timeout=WAIT_SECONDS)
        except concurrent.futures.CancelledError:
            assert self.future.cancelled()
            return CANCELLED
        except ObjectStorageException as gone:
            return failure(type(gone), gone)
        if error is None:
            return Outcome(self.future.result(timeout=0))
        try:
            self.future.result(timeout=0)
        except type(error) as raised:
            assert raised is error
            return failure(type(error), error)
        raise AssertionError(f"result() does not raise {error!r}")
