"""One run of one engine: starts its driver, asks it for the workloads, and watches its memory meanwhile."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from comparison import process_tree
from comparison.engine import ENGINES
from comparison.environments import Interpreter

_BENCHMARKS = Path(__file__).resolve().parent.parent
_ANSWER_SECONDS = 180.0
_CLOSE_SECONDS = 30.0
_MEMORY_PERIOD_SECONDS = 0.2
# Looking at memory costs processor time, so that is done during the workloads that are about memory only.
_WATCHED = frozenset({"shared array", "large results"})


class EngineFailed(RuntimeError):
    """An engine could not be started, ended, or gave no answer in time."""


@dataclasses.dataclass
class Run:
    """What one run of one engine has shown: figures by workload, or why there are none."""

    engine: str
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    figures: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    errors: dict[str, str] = dataclasses.field(default_factory=dict)


class Session:
    """A driver that runs; a context manager."""

    def __init__(self, engine: str, interpreter: Interpreter, workers: int, scale: str) -> None:
        folders = [_BENCHMARKS]
        if not ENGINES[engine].requirements:
            folders += [Path(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
        self._pending = b""
        self._process = subprocess.Popen(
            [str(interpreter.executable), "-m", "comparison.driver", engine, str(workers), scale],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if engine != "scaler" else None,
            env=interpreter.variables(folders),
            start_new_session=True,
        )
        self.run = Run(engine)
        try:
            started = self._answer(is_watched=False)[0]
        except BaseException:
            self.close()
            raise
        self.run.versions = started["versions"]
        self.run.figures["start"] = started["started"]

    def ask(self, workload: str) -> None:
        """Run one workload, and keep its figures or its error. Raise EngineFailed when there is no answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(workload).encode() + b"\n")
        self._process.stdin.flush()
        answer, peak_bytes = self._answer(workload in _WATCHED)
        if "error" in answer:
            self.run.errors[workload] = answer["error"]
        else:
            self.run.figures[workload] = {**answer["figures"], "peak_memory_bytes": float(peak_bytes)}

    def _answer(self, is_watched: bool) -> tuple[dict[str, Any], int]:
        """Return the next answer and the most memory seen until then."""
        assert self._process.stdout is not None
        deadline, peak_bytes = time.monotonic() + _ANSWER_SECONDS, 0
        while b"\n" not in self._pending:
            if time.monotonic() > deadline:
                raise EngineFailed(f"no answer in {_ANSWER_SECONDS:.0f} s")
            if select.select([self._process.stdout], [], [], _MEMORY_PERIOD_SECONDS)[0]:
                chunk = os.read(self._process.stdout.fileno(), 1 << 16)
                if not chunk:
                    raise EngineFailed("it ended")
                self._pending += chunk
            elif is_watched:
                peak_bytes = max(peak_bytes, process_tree.memory_bytes(self._process.pid))
        line, _, self._pending = self._pending.partition(b"\n")
        return json.loads(line), max(peak_bytes, process_tree.memory_bytes(self._process.pid))

    def close(self) -> None:
        """End the driver and what it has started."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # a question is left that nobody will read
            self._process.stdin.close()
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"{self.run.engine} did not end by itself", file=sys.stderr)
            for pid in process_tree.tree(self._process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
