"""What an event costs does not depend on the number of workers: steps are counted, not time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("count_steps.py")


def steps_with(workers: int, kinds: int) -> dict[str, int]:
    command = [sys.executable, str(SCRIPT), str(workers), str(kinds)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert run.returncode == 0, run.stderr
    counted: dict[str, int] = json.loads(run.stdout)
    assert min(counted.values()) > 50
    return counted


def dearer(few: dict[str, int], many: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Return the events that cost more. A step is an opcode: to look at a thousand things takes thousands of them."""
    assert few.keys() == many.keys()
    return {event: (few[event], many[event]) for event in few if many[event] > few[event] + 300}


def test_no_event_looks_at_all_workers() -> None:
    assert dearer(steps_with(workers=10, kinds=5), steps_with(workers=1000, kinds=5)) == {}


def test_no_event_looks_at_all_that_waits_in_vain() -> None:
    assert dearer(steps_with(workers=10, kinds=5), steps_with(workers=10, kinds=1000)) == {}
