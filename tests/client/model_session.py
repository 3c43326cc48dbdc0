"""A client beside what it must still deliver."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

from call_model import WAIT_SECONDS, Expectation, Outcome
from model_calls import Call
from model_graph import ModelGraph

from scaler import Client
from scaler.client.object_reference import ObjectReference
from scaler.client.serializer.default import DefaultSerializer
from scaler.client.serializer.mixins import Serializer


class ReversingSerializer(Serializer):
    """A serializer of the user's own."""

    @staticmethod
    def serialize(obj: Any) -> bytes:
        return DefaultSerializer.serialize(obj)[::-1]

    @staticmethod
    def deserialize(payload: bytes) -> Any:
        return DefaultSerializer.deserialize(bytes(payload)[::-1])


def _bounded(call: Callable[[], Any]) -> Any:
    """Return what a call returns that has no time-out of its own; fail when it does not end."""
    called: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def run() -> None:
        try:
            called.set_result(call())
        except Exception as error:
            called.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return called.result(WAIT_SECONDS)


class Session:
    """A client, with the futures that it gave, and the references to objects that it sent, with their sizes."""

    def __init__(self, address: str, **settings: Any) -> None:
        # What nobody needs any more is deleted with a heartbeat.
        self.client = Client(address, heartbeat_interval_seconds=0.1, **settings)
        self.expectations: list[Expectation] = []
        self.references: list[tuple[ObjectReference, int]] = []
        self.cleared: list[ObjectReference] = []

    def expect(self, future: Any, *outcomes: Outcome, **details: Any) -> Expectation:
        """Note what a future must end as, with the details of an expectation."""
        expectation = Expectation(future, *outcomes, **details)
        self.expectations.append(expectation)
        return expectation

    def submit(self, call: Call) -> None:
        """Submit a call, and note what it must end as."""
        if call.capabilities is None and not call.options:
            future = self.client.submit(call.function, *call.arguments, **call.keywords)
        else:
            future = self.client.submit_verbose(
                call.function, call.arguments, call.keywords, call.capabilities, **call.options
            )
        self.expect(future, call.outcome)

    def map(self, function: Callable[..., Any], rows: list[Any]) -> list[Any]:
        """Return what a map returns, which may take only so long."""
        return _bounded(lambda: self.client.map(function, rows))

    def get(self, nodes: dict[str, Any], keys: list[str]) -> dict[str, Any]:
        """Return the values of a graph, which may take only so long."""
        return _bounded(lambda: self.client.get(nodes, keys))

    def expect_graph(self, graph: ModelGraph) -> None:
        """Ask for a graph's keys, and note what their futures must end as."""
        futures = self.client.get(graph.nodes, graph.keys, block=False)
        assert list(futures) == graph.keys
        expected = {key: self.expect(futures[key], *graph.outcomes[key], gate=graph.gates.get(key)) for key in futures}
        Expectation.bind([expected[key] for key in graph.keys if graph.is_call(key)])

    def end_all(self, end: Callable[[], None]) -> None:
        """Cancel everything by a call, after which nothing is left to wait for."""
        held_up = [expectation for expectation in self.expectations if expectation.is_held_up]
        for expectation in self.expectations:
            expectation.allow_cancelled()
        end()
        for expectation in self.expectations:
            assert expectation.future.done()
            expectation.check()
        for expectation in held_up:
            assert expectation.future.cancelled() and expectation.gate is not None
            expectation.gate.open()  # nobody waits there any more

    def is_idle(self) -> bool:
        """Return whether the client waits for nothing."""
        sizes = self.client._agent._core.sizes()
        return (sizes["tasks"], sizes["graphs"]) == (0, 0)

    def check_tables(self) -> None:
        """Check that the client keeps nothing of tasks that have ended, and that it met nothing it did not expect."""
        assert self.is_idle()
        counters = self.client._agent._core.counters
        wrong = {name: counters[name] for name in ("bad messages", "failed endings", "cancels without verdict")}
        assert not any(wrong.values()), wrong
