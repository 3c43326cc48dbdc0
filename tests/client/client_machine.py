"""A machine that calls clients in any order, and compares what comes of it with a model."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import model_tasks
import pytest
from call_model import WAIT_SECONDS, Expectation, Gate, Outcome, failure
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from model_calls import CALLS, LARGE_BYTES
from model_graph import ModelGraph
from model_session import ReversingSerializer, Session
from settle import wait_until

from scaler.utility.exceptions import ClientQuitException, MissingObjects

WORKERS = 3
# One worker must be free: everything else has to end there.
_MOST_HELD_UP = WORKERS - 1
_MOST_CLIENTS = 3

choices = st.integers(0, 2**16)
numbers = st.integers(0, 200)
sizes = st.sampled_from([0, 100, LARGE_BYTES])
# In these there are results that several nodes need, and nobody else.
_dense = st.lists(st.lists(choices, min_size=1, max_size=3), min_size=5, max_size=9)
graphs = st.builds(
    ModelGraph.make,
    shape=_dense | st.lists(st.lists(choices, max_size=3), min_size=1, max_size=7),
    size=sizes,
    wanted=st.sets(choices, max_size=2),
)


class ClientMachine(RuleBasedStateMachine):
    """Several clients of one cluster of ``WORKERS`` workers, which offer nothing special.

    What is drawn never depends on what the cluster does, so that an example can be repeated.
    """

    def __init__(
        self,
        address: str,
        folder: Path,
        file_numbers: Iterator[int],
        read_gauges: Callable[[], dict[str, int]],
        check_settled: Callable[[], object],
    ) -> None:
        super().__init__()
        self._address = address
        self._folder = folder
        self._read_gauges = read_gauges
        self._check_settled = check_settled
        self._sessions: list[Session] = []
        self._left: list[Session] = []
        self._gates: list[Gate] = []
        self._file_numbers = file_numbers

    # -- sessions

    @initialize()
    def begin(self) -> None:
        self._sessions.append(Session(self._address))

    @precondition(lambda self: len(self._sessions) < _MOST_CLIENTS)
    @rule(is_special=st.booleans())
    def connect(self, is_special: bool) -> None:
        settings: dict[str, Any] = {"serializer": ReversingSerializer(), "stream_output": True} if is_special else {}
        self._sessions.append(Session(self._address, **settings))

    @precondition(lambda self: self._sessions)
    @rule(who=choices)
    def disconnect(self, who: int) -> None:
        session = self._sessions.pop(who % len(self._sessions))
        for expectation in session.expectations:
            expectation.allow_gone()
        session.end_all(session.client.disconnect)
        client = session.client
        session.check_tables()
        for call in (
            lambda: client.submit(model_tasks.square, 1),
            lambda: client.map(model_tasks.square, [(1,)]),
            lambda: client.send_object(1),
            lambda: client.get({"a": 1}, ["a"]),
        ):
            with pytest.raises(ClientQuitException):
                call()
        client.disconnect()
        self._left.append(session)

    @precondition(lambda self: self._sessions)
    @rule(who=choices)
    def clear(self, who: int) -> None:
        session = self._session(who)
        session.end_all(session.client.clear)
        session.cleared += [reference for reference, _ in session.references]
        session.references.clear()

    # -- calls

    @precondition(lambda self: self._sessions)
    @rule(who=choices, kind=st.sampled_from(sorted(CALLS)), number=numbers)
    def submit(self, who: int, kind: str, number: int) -> None:
        self._session(who).submit(CALLS[kind](number))

    @precondition(lambda self: self._sessions)
    @rule(who=choices, kinds=st.lists(st.sampled_from(sorted(CALLS)), min_size=1, max_size=3), count=st.integers(2, 40))
    def submit_many(self, who: int, kinds: list[str], count: int) -> None:
        for number in range(count):
            self._session(who).submit(CALLS["square"](number))
        for kind in kinds:
            self._session(who).submit(CALLS[kind](count))

    @precondition(lambda self: self._sessions)
    @rule(who=choices)
    def submit_what_cannot_be_called(self, who: int) -> None:
        client = self._session(who).client
        for call in (
            lambda: client.submit(model_tasks.square),
            lambda: client.submit(model_tasks.square, 1, more=2),
            lambda: client.submit_verbose(model_tasks.square, (1,), {}, retry_on=3),
            lambda: client.map(model_tasks.square, [1]),
            lambda: client.map(model_tasks.square, [(1,), ()]),
            lambda: client.get({"a": (model_tasks.square,)}, ["a"]),
        ):
            with pytest.raises(TypeError):
                call()

    @precondition(lambda self: self._sessions and self._held_up() < _MOST_HELD_UP)
    @rule(who=choices, number=numbers, priority=st.integers(-3, 3))
    def submit_what_is_held_up(self, who: int, number: int, priority: int) -> None:
        session, gate = self._session(who), self._new_gate()
        arguments = (gate.path, number)
        future = session.client.submit_verbose(model_tasks.wait_for_file, arguments, {}, priority=priority)
        session.expect(future, Outcome(number), gate=gate)

    @precondition(lambda self: self._sessions)
    @rule(who=choices, number=numbers, times=st.sampled_from([0, 1, 2, 1000]), retries=st.integers(0, 2))
    def submit_with_retries(self, who: int, number: int, times: int, retries: int) -> None:
        session = self._session(who)
        arguments = (str(self._new_file()), times, number)
        future = session.client.submit_verbose(
            model_tasks.fail_at_first, arguments, {}, retries=retries, retry_on=(OSError, KeyError)
        )
        # A task whose result is lost with its processor runs once more, and comes further then.
        outcomes = [Outcome(number)] if times <= 2 else []
        failed = failure(OSError, f"not yet {number}")
        if times > retries:
            outcomes.append(failed)
        session.expect(future, *outcomes, between_attempts=failed)

    # -- map and graphs

    @precondition(lambda self: self._sessions)
    @rule(who=choices, first=numbers, count=st.sampled_from([0, 1, 20, 200]))
    def map(self, who: int, first: int, count: int) -> None:
        values = range(first, first + count)
        rows = [(value,) for value in values]
        assert self._session(who).map(model_tasks.square, rows) == [value * value for value in values]

    @precondition(lambda self: self._sessions)
    @rule(who=choices, count=st.integers(1, 30), bad=choices)
    def map_that_fails(self, who: int, count: int, bad: int) -> None:
        rows: list[Any] = [[bytes(number)] for number in range(count)]
        rows[bad % count] = [bad]  # which has no length
        with pytest.raises(TypeError, match="no len"):
            self._session(who).map(model_tasks.measure, rows)

    @precondition(lambda self: self._sessions)
    @rule(who=choices, graph=graphs)
    def get(self, who: int, graph: ModelGraph) -> None:
        got = self._session(who).get(graph.nodes, graph.keys)
        assert list(got.items()) == [(key, graph.values[key]) for key in graph.keys]

    @precondition(lambda self: self._sessions)
    @rule(who=choices, graph=graphs, blocks=st.booleans())
    def get_what_fails(self, who: int, graph: ModelGraph, blocks: bool) -> None:
        failing, session = graph.with_failure(), self._session(who)
        if blocks:
            with pytest.raises(model_tasks.Unfit, match="bad sum"):
                session.get(failing.nodes, failing.keys)
        else:
            session.expect_graph(failing)

    @precondition(lambda self: self._sessions and self._held_up() < _MOST_HELD_UP)
    @rule(who=choices, graph=graphs, is_open=st.booleans())
    def get_later(self, who: int, graph: ModelGraph, is_open: bool) -> None:
        gate = self._new_gate()
        if is_open:
            gate.open()
        self._session(who).expect_graph(graph.with_gate(gate))

    # -- objects

    @precondition(lambda self: self._sessions)
    @rule(who=choices, size=sizes)
    def send_object(self, who: int, size: int) -> None:
        session = self._session(who)
        session.references.append((session.client.send_object(bytes(size), name="content"), size))

    @precondition(lambda self: any(session.references for session in self._sessions))
    @rule(which=choices, owner=choices)
    def use_an_object(self, which: int, owner: int) -> None:
        owners = [session for session in self._sessions if session.references]
        session = owners[owner % len(owners)]
        reference, size = session.references[which % len(session.references)]
        session.expect(session.client.submit(model_tasks.measure, reference), Outcome(size))
        if len(session.expectations) % 3 == 0:
            assert session.map(model_tasks.measure, [(reference,)]) == [size]
            assert session.get({"x": reference, "y": (model_tasks.measure, "x")}, ["y"]) == {"y": size}
        for other in self._sessions:
            if other is not session:
                with pytest.raises(MissingObjects):
                    other.client.submit(model_tasks.measure, reference)

    @precondition(lambda self: any(session.cleared for session in self._sessions))
    @rule()
    def use_what_was_cleared(self) -> None:
        for session in self._sessions:
            for reference in session.cleared:
                with pytest.raises(MissingObjects):
                    session.client.submit(model_tasks.measure, reference)
                with pytest.raises(MissingObjects):
                    session.client.get({"x": reference, "y": (model_tasks.measure, "x")}, ["y"])

    # -- futures

    @precondition(lambda self: self._expectations())
    @rule(which=choices, waits=st.booleans())
    def cancel(self, which: int, waits: bool) -> None:
        expectation = _choose(self._expectations(), which)
        expectation.allow_cancelled()
        if waits:
            expectation.check_cancel(expectation.future.cancel(timeout=WAIT_SECONDS))
            return
        with contextlib.suppress(concurrent.futures.TimeoutError):
            expectation.future.cancel(timeout=0)

    @precondition(lambda self: self._expectations())
    @rule(which=choices)
    def ask_for_the_result(self, which: int) -> None:
        expectation = _choose(self._expectations(), which)
        if expectation.is_settled:
            expectation.check()
            return
        if expectation.may_be_cancelled:
            return
        expectation.check_pending()
        with pytest.raises(concurrent.futures.TimeoutError):
            expectation.future.result(timeout=0.01)

    @precondition(lambda self: self._settled())
    @rule(which=st.lists(choices, min_size=1, max_size=5), in_order=st.booleans())
    def wait_for_several(self, which: list[int], in_order: bool) -> None:
        settled = self._settled()
        chosen = list({id(item): item for item in (_choose(settled, each) for each in which)}.values())
        futures = [expectation.future for expectation in chosen]
        if in_order:
            assert concurrent.futures.wait(futures, WAIT_SECONDS).not_done == set()
        else:
            assert {id(future) for future in concurrent.futures.as_completed(futures, WAIT_SECONDS)} == set(
                map(id, futures)
            )
        for expectation in chosen:
            expectation.check()

    @precondition(lambda self: self._settled())
    @rule(which=choices)
    def await_one(self, which: int) -> None:
        expectation = _choose(self._settled(), which)

        async def wait() -> None:
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await asyncio.wait_for(_result(expectation.future), WAIT_SECONDS)

        asyncio.run(wait())
        assert expectation.future.done()
        expectation.check()

    @precondition(lambda self: self._expectations())
    @rule(which=choices)
    def add_a_callback(self, which: int) -> None:
        _choose(self._expectations(), which).add_callback()

    @precondition(lambda self: self._expectations())
    @rule(which=choices)
    def drop_a_future(self, which: int) -> None:
        dropped = _choose(self._expectations(), which)
        for session in self._sessions:
            if dropped in session.expectations and not dropped.is_held_up:
                session.expectations.remove(dropped)

    @precondition(lambda self: self._held_up() > 0)
    @rule(which=choices)
    def open_a_gate(self, which: int) -> None:
        closed = [gate for gate in self._gates if not gate.is_open]
        closed[which % len(closed)].open()

    # -- the end

    def teardown(self) -> None:
        try:
            self._check_ends()
        finally:
            for session in self._sessions:
                session.client.disconnect()
        self._check_settled()

    def _check_ends(self) -> None:
        for expectation in self._expectations():
            expectation.check_pending()
        for gate in self._gates:
            gate.open()
        for session in self._sessions:
            for expectation in session.expectations:
                expectation.check()
            wait_until(session.is_idle, WAIT_SECONDS, "tasks whose futures were dropped")
            session.check_tables()
        for session in (*self._sessions, *self._left):
            for expectation in session.expectations:
                expectation.check()
                wait_until(lambda expectation=expectation: expectation.callbacks_missing == 0, 10, "callbacks")
            session.expectations.clear()
        gc.collect()  # expectations refer to each other, and to futures that nobody asked for their results
        for session in self._sessions:
            session.client.clear()
        # What is left belongs to nobody but the clients: the serializer of each.
        wait_until(lambda: self._read_gauges()["objects"] == len(self._sessions), 10, self._read_gauges)

    # -- parts

    def _session(self, who: int) -> Session:
        return self._sessions[who % len(self._sessions)]

    def _expectations(self) -> list[Expectation]:
        return [expectation for session in self._sessions for expectation in session.expectations]

    def _settled(self) -> list[Expectation]:
        return [expectation for expectation in self._expectations() if expectation.is_settled]

    def _held_up(self) -> int:
        return sum(not gate.is_open for gate in self._gates)

    def _new_gate(self) -> Gate:
        self._gates.append(Gate(self._new_file()))
        return self._gates[-1]

    def _new_file(self) -> Path:
        return self._folder / f"{next(self._file_numbers)}"


def _choose(items: list[Any], which: int) -> Any:
    return items[which % len(items)]


async def _result(future: Any) -> Any:
    return await future
