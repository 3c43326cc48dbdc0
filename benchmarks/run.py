"""Compares Scaler with its peers on the same work, in interleaved rounds, and saves a table with ratios.

    python benchmarks/run.py [--peers process_pool,dask] [--rounds 5] [--quick] [--workloads submit,call]

Peers get environments of their own below ``.cache/benchmarks``; one that cannot be installed is skipped with a notice.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from comparison.engine import ENGINES, OURS
from comparison.environments import Interpreter, NotInstalled, prepare
from comparison.machine import describe, steal_ticks
from comparison.process_tree import adopt_orphans, end_adopted
from comparison.report import Report, in_order
from comparison.session import EngineFailed, Run, Session
from comparison.workloads import WORKLOADS

_ROOT = Path(__file__).resolve().parent.parent

_BELIEVABLE_STEAL_PERCENT = 1.0


def interpreters(peers: Sequence[str]) -> dict[str, Interpreter]:
    """Return the interpreters of ours and of the peers that can be installed."""
    found = {OURS: Interpreter(Path(sys.executable))}
    for peer in peers:
        requirements = ENGINES[peer].requirements
        try:
            found[peer] = prepare(_ROOT / ".cache" / "benchmarks" / peer, requirements) if requirements else found[OURS]
        except NotInstalled as error:
            print(f"notice: {ENGINES[peer].title} is skipped: {error}", file=sys.stderr)
    return found


def run_engine(engine: str, interpreter: Interpreter, options: argparse.Namespace) -> Run | None:
    """Run all workloads on one engine; None when it could not be started."""
    try:
        session = Session(engine, interpreter, options.workers, "quick" if options.quick else "full")
    except EngineFailed as error:
        print(f"notice: {ENGINES[engine].title} could not be started: {error}", file=sys.stderr)
        end_adopted()
        return None
    with session:
        for workload in options.workloads:
            begin = time.monotonic()
            try:
                session.ask(workload)
            except (EngineFailed, BrokenPipeError) as error:
                session.run.errors[workload] = str(error)
                break
            print(f"  {engine}: {workload}: {time.monotonic() - begin:.1f} s", file=sys.stderr)
    left = end_adopted()
    if left:
        print(f"notice: {ENGINES[engine].title} has left {left} processes behind", file=sys.stderr)
    return session.run


def save(report: Report, facts: dict[str, Any], folder: Path) -> Path:
    """Write the raw figures and the table, and return where the table is."""
    folder.mkdir(parents=True, exist_ok=True)
    name = time.strftime("%Y%m%d-%H%M%S")
    raw = {
        "machine": facts,
        "rounds": [
            {engine: None if run is None else dataclasses.asdict(run) for engine, run in round_.items()}
            for round_ in report.rounds
        ],
    }
    (folder / f"{name}.json").write_text(json.dumps(raw, indent=1) + "\n")
    table = folder / f"{name}.md"
    facts_text = ", ".join(f"{key} {value}" for key, value in facts.items())
    table.write_text(f"{facts_text}\n\n{report.markdown()}")
    return table


def parse() -> argparse.Namespace:
    """Return the options."""
    peers = [name for name in ENGINES if name != OURS]
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--peers", default=",".join(peers), help="with whom, or nobody: '' (default: %(default)s)")
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="which (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="runs of each engine, interleaved (default: 5, quick: 1)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="less work, one round")
    parser.add_argument("--results", type=Path, default=_ROOT / "benchmarks" / "results", help="where to save")
    options = parser.parse_args()
    options.peers = [name for name in options.peers.split(",") if name]
    options.workloads = [name for name in options.workloads.split(",") if name]
    for name in options.peers:
        if name not in peers:
            parser.error(f"unknown peer {name!r}: there are {', '.join(peers)}")
    for name in options.workloads:
        if name not in WORKLOADS:
            parser.error(f"unknown workload {name!r}: there are {', '.join(WORKLOADS)}")
    options.rounds = options.rounds or (1 if options.quick else 5)
    return options


def main() -> None:
    """Run the rounds, print the table and save it."""
    options = parse()
    found = interpreters(options.peers)
    adopt_orphans()
    begin, stolen = time.monotonic(), steal_ticks()
    rounds: list[dict[str, Run | None]] = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        rounds.append({engine: run_engine(engine, found[engine], options) for engine in in_order(list(found), number)})
    report = Report(tuple(found), tuple(rounds))
    facts: dict[str, Any] = {
        **describe(),
        "stolen %": round((steal_ticks() - stolen) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - begin) * 100, 2),
        "workers": options.workers,
        "rounds": options.rounds,
        "versions": " ".join(
            f"{engine}={run.versions.get('engine')}" for engine, run in rounds[-1].items() if run is not None
        ),
        "python": platform.python_version(),
    }
    print(report.markdown())
    if float(facts["stolen %"]) > _BELIEVABLE_STEAL_PERCENT:
        print(f"notice: the host has kept the processors away for {facts['stolen %']} % of the time: measure again")
    for line in report.errors():
        print(f"notice: {line}")
    print(f"saved as {save(report, facts, options.results)}")


if __name__ == "__main__":
    main()
