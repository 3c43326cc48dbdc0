"""Runs one engine for the comparison, in the engine's own interpreter; asked and answering in lines of JSON.

    python -m comparison.driver ENGINE WORKERS SCALE

First it starts the engine and says {"started": figures, "versions": ...}. Then each line of its input names a workload,
and each answer is {"workload": name, "figures": ...} or {"workload": name, "error": ...}. The end of its input ends it.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
import time
from typing import Any, TextIO

from comparison import process_tree, work
from comparison.engine import ENGINES, Engine, load_engine
from comparison.scale import SCALES, Scale
from comparison.workloads import WORKLOADS


def serve(engine: Engine, scale: Scale, questions: TextIO, answers: TextIO) -> None:
    """Run the workloads that are asked for, until there is no further question."""
    for line in questions:
        name = json.loads(line)
        try:
            answer: dict[str, Any] = {"workload": name, "figures": WORKLOADS[name](engine, scale)}
        except Exception as error:  # whatever an engine fails with belongs into the table
            answer = {"workload": name, "error": f"{type(error).__name__}: {error}"}
        say(answers, answer)


def say(answers: TextIO, answer: dict[str, Any]) -> None:
    """Write one line."""
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def start(name: str, workers: int) -> tuple[Engine, dict[str, float]]:
    """Start an engine up to its first result, and return it with how long that took."""
    begin = time.perf_counter()
    make = load_engine(name)
    imported = time.perf_counter()
    engine = make(workers)
    if engine.collect([engine.submit(work.no_op, 1)]) != [1]:
        raise AssertionError("the engine returned a wrong first result")
    first = time.perf_counter()
    return engine, {"import_seconds": imported - begin, "first_result_seconds": first - imported}


def versions(name: str) -> dict[str, str]:
    """Return what was measured."""
    distribution = ENGINES[name].distribution
    try:
        engine = platform.python_version() if distribution is None else importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        engine = "source tree"
    return {"engine": engine, "python": platform.python_version()}


def main() -> None:
    """Serve one engine on the standard streams."""
    name, workers, scale = sys.argv[1], int(sys.argv[2]), SCALES[sys.argv[3]]
    process_tree.adopt_orphans()
    # Engines print to the standard output; the answers keep it for themselves.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    engine, figures = start(name, workers)
    try:
        engine.wait_for_workers()
        say(answers, {"started": figures, "versions": versions(name)})
        serve(engine, scale, sys.stdin, answers)
    finally:
        engine.close()


if __name__ == "__main__":
    main()
