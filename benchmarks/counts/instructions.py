"""Instructions of the codec for one message, counted by callgrind."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "build" / "dev" / "benchmarks" / "counts" / "codec_steps"
_FEW = 500
_MANY = 1500
_SECONDS = 30.0


def missing() -> str | None:
    """Return what is missing for a measurement, or None."""
    if shutil.which("valgrind") is None:
        return "valgrind"
    return None if PROGRAM.is_file() else f"{PROGRAM} (built with the C++ tests)"


def measure() -> dict[str, float]:
    """Return the instructions of each step, by name: what a longer run needs more than a shorter one."""
    steps = subprocess.run([PROGRAM], capture_output=True, text=True, check=True, timeout=_SECONDS).stdout.split()
    return {f"instructions.{step}": _of_step(step) for step in steps}


def _of_step(step: str) -> float:
    runs = [_start(step, repetitions) for repetitions in (_FEW, _MANY)]
    few, many = (_collected(run) for run in runs)
    return (many - few) / (_MANY - _FEW)


def _start(step: str, repetitions: int) -> subprocess.Popen[str]:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", PROGRAM, step, str(repetitions)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _collected(run: subprocess.Popen[str]) -> int:
    try:
        _, output = run.communicate(timeout=_SECONDS)
    finally:
        run.kill()
    found = re.search(r"Collected\s*:\s*(\d+)", output)
    if run.returncode != 0 or found is None:
        raise RuntimeError(f"callgrind has counted nothing: {output[-500:]}")
    return int(found[1])
