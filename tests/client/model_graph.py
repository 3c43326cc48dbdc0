"""Graphs whose values are known beforehand."""

from __future__ import annotations

import dataclasses
from typing import Any

import model_tasks
from call_model import Gate, Outcome, failure


@dataclasses.dataclass
class ModelGraph:
    """A graph as a client takes it, the keys to ask for, and what each of them may end as, unless it is cancelled."""

    nodes: dict[str, Any]
    keys: list[str]
    values: dict[str, Any]
    outcomes: dict[str, list[Outcome]]
    gates: dict[str, Gate]

    @staticmethod
    def make(shape: list[list[int]], size: int, wanted: set[int]) -> ModelGraph:
        """Return a graph of which every node has a value: a number, and so many bytes that come along.

        There is a node for each entry of ``shape``, which says from which nodes before it takes values; one that takes
        none is data.
        """
        nodes: dict[str, Any] = {}
        values: dict[str, Any] = {}
        names: list[str] = []
        for position, taken in enumerate(shape):
            name = f"n{position}"
            takes = [names[-1 - index % position] for index in taken] if position else []
            nodes[name] = (model_tasks.add, *takes) if takes else (position + 1, bytes(size))
            values[name] = model_tasks.add(*(values[take] for take in takes)) if takes else nodes[name]
            names.append(name)
        # The last one is the most likely to need nodes which nobody asks for.
        keys = list(dict.fromkeys([names[-1], *(names[index % len(names)] for index in sorted(wanted))]))
        return ModelGraph(nodes, keys, values, {key: [Outcome(values[key])] for key in keys}, {})

    def is_call(self, key: str) -> bool:
        """Return whether a node is computed."""
        return callable(self.nodes[key][0])

    def with_failure(self) -> ModelGraph:
        """Return the graph with a node that raises, which ends all of it, and one that needs it."""
        failed = failure(model_tasks.Unfit, "bad sum")
        nodes = {**self.nodes, "bad": (model_tasks.fail_with_values, self.keys[0]), "after": (model_tasks.add, "bad")}
        outcomes = {key: [*self.outcomes[key], *([failed] if self.is_call(key) else ())] for key in self.keys}
        keys = [*self.keys, "after", "bad"]
        return ModelGraph(nodes, keys, self.values, {**outcomes, "after": [failed], "bad": [failed]}, {})

    def with_gate(self, gate: Gate) -> ModelGraph:
        """Return the graph with a last node, which takes values of its keys and waits for the gate."""
        nodes = {**self.nodes, "gate": gate.path, "last": (model_tasks.add_when_there_is, "gate", *self.keys)}
        value = model_tasks.add(*(self.values[key] for key in self.keys))
        outcomes = {**self.outcomes, "last": [Outcome(value)]}
        return ModelGraph(nodes, [*self.keys, "last"], {**self.values, "last": value}, outcomes, {"last": gate})
