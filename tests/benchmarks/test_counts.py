"""What a task costs in instructions, messages, bytes and system calls stays within the budget."""

from __future__ import annotations

import json

import pytest
from counts import budget, instructions, system_calls, traffic
from counts.budget import Entry


def check(measured, *kinds):
    complaints = budget.complaints(budget.load(), measured, kinds)
    assert not complaints, "\n".join(complaints)


@pytest.mark.skipif(instructions.missing() is not None, reason=f"missing: {instructions.missing()}")
def test_instructions_of_the_codec():
    check(instructions.measure(), "instructions")


def test_messages_and_bytes_of_a_task():
    check(traffic.measure(), ".messages.", ".bytes.")


@pytest.mark.skipif(system_calls.missing() is not None, reason=f"missing: {system_calls.missing()}")
def test_system_calls_of_a_task():
    check(system_calls.measure(), "system_calls")


def test_every_entry_has_a_reason():
    assert all(entry.why and entry.value > 0 and 0 <= entry.tolerance <= 1 for entry in budget.load().values())


def test_bounds_and_exact_values():
    bound, exact = Entry(10, 0.1, "because"), Entry(10, 0, "because")
    assert bound.complaint("x", 11) is None and bound.complaint("x", 1) is None
    assert "at most 11" in bound.complaint("x", 11.1)
    assert exact.complaint("x", 10) is None
    assert "must be 10" in exact.complaint("x", 9)


def test_what_has_no_budget_and_what_was_not_measured():
    entries = {"a.messages": Entry(1, 0, "because"), "b.bytes": Entry(1, 0, "because")}
    assert budget.complaints(entries, {"a.messages": 1, "c.messages": 2}, ("messages",)) == [
        "c.messages is 2, and has no budget"
    ]
    assert budget.complaints(entries, {}, ("messages",)) == ["a.messages was not measured"]


def test_rewriting_keeps_tolerances_and_reasons(tmp_path):
    path = tmp_path / "budget.json"
    entries = {name: {"value": 1, "tolerance": 0.5, "why": "because"} for name in ("a", "noisy")}
    path.write_text(json.dumps(entries))
    budget.rewrite({"a": 3.14, "noisy": 1.4}, path)
    assert budget.load(path) == {"a": Entry(3.1, 0.5, "because"), "noisy": Entry(1, 0.5, "because")}
    with pytest.raises(KeyError, match="reason"):
        budget.rewrite({"b": 1}, path)
