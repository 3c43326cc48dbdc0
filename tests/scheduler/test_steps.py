"""What an event costs does not depend on the number of workers: steps are counted, not time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("count_steps.py")


def steps_with(workers: int) -> dict[str, int]:
    run = subprocess.run(
        [sys.executable, str(SCRIPT), str(workers)], capture_output=True, text=True, timeout=50, check=False
    )
    assert run.returncode == 0, run.stderr
    counted: dict[str, int] = json.loads(run.stdout)
    return counted


def test_no_event_looks_at_all_workers() -> None:
    few, many = steps_with(10), steps_with(1000)
    assert few.keys() == many.keys() and min(few.values()) > 50
    # A step is an opcode: to look at a thousand workers takes thousands of them.
    assert {event: few[event] for event in few if many[event] > few[event] + 300} == {}, many
