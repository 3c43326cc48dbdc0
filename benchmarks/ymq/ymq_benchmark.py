"""Compares our messaging with pyzmq, in interleaved rounds: two processes, TCP on this machine.

    python benchmarks/ymq/ymq_benchmark.py [--rounds 5] [--quick]

64-byte messages/s one way, the round trip of one, and MB/s of 1 MiB messages; with our batch calls, our calls for one
message at a time, and pyzmq's plain send and recv loop. CPU time is that of both processes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from comparison.environments import Interpreter, NotInstalled, prepare
from comparison.spread import Spread

_ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 60
_WORKLOADS = {
    # binding role, connecting role, bytes of a message, messages
    "stream": ("receive", "send", 64, 300_000),
    "round trip": ("echo", "ask", 64, 5_000),
    "large": ("receive", "send", 1 << 20, 500),
}
_SLOWER = {"sync": 10}
"""How many times fewer small messages are sent with calls for one message at a time."""
_ROWS = (
    ("stream", "messages_per_second", "64-byte messages/s", True),
    ("stream", "cpu_us", "64-byte messages: CPU µs", False),
    ("round trip", "p50_us", "round trip: p50, µs", False),
    ("round trip", "p99_us", "round trip: p99, µs", False),
    ("round trip", "cpu_us", "round trip: CPU µs", False),
    ("large", "megabytes_per_second", "1 MiB messages: MB/s", True),
)

Figures = dict[str, float]
Table = dict[tuple[str, str], list[Figures]]


def start(interpreter: Interpreter, arguments: list[str]) -> subprocess.Popen[str]:
    """Start one side."""
    folders = [Path(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    script = Path(__file__).with_name("party.py")
    return subprocess.Popen(
        [str(interpreter.executable), str(script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=interpreter.variables(folders),
    )


def measure(library: str, interpreter: Interpreter, workload: str, share: int) -> Figures:
    """Run one workload with one library."""
    binding_role, connecting_role, size, count = _WORKLOADS[workload]
    count //= share * (_SLOWER.get(library, 1) if size < 1024 and workload == "stream" else 1)
    common = [str(size), str(count)]
    with start(interpreter, [library, binding_role, *common]) as binding:
        assert binding.stdout is not None
        address = binding.stdout.readline().strip()
        with start(interpreter, [library, connecting_role, *common, address]) as connecting:
            try:
                answers = [_answer(binding), _answer(connecting)]
                for side in (connecting, binding):
                    side.communicate("\n", timeout=_SECONDS)
            finally:
                connecting.kill()
                binding.kill()
    return {**answers[0], **answers[1], "cpu_us": answers[0]["cpu_us"] + answers[1]["cpu_us"]}


def _answer(side: subprocess.Popen[str]) -> Figures:
    assert side.stdout is not None
    figures: Figures = json.loads(side.stdout.readline())
    return figures


def markdown(table: Table, libraries: list[str]) -> str:
    """Return the table; ratios say how many times better ours is than pyzmq."""
    lines = ["| | " + " | ".join(libraries) + " |", "|---" * (len(libraries) + 1) + "|"]
    for workload, figure, title, is_more_better in _ROWS:
        cells = [_cell(table, library, workload, figure, is_more_better) for library in libraries]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(table: Table, library: str, workload: str, figure: str, is_more_better: bool) -> str:
    ours = [figures[figure] for figures in table[(library, workload)]]
    theirs = [figures[figure] for figures in table.get(("pyzmq", workload), [])]
    median = Spread.of(ours).median
    text = f"{median:.0f}" if median >= 100 else f"{median:.2f}"
    if library == "pyzmq" or not theirs:
        return text
    ratio = Spread.of_ratios(ours, theirs) if is_more_better else Spread.of_ratios(theirs, ours)
    return text if ratio is None else f"{text} **×{ratio.median:.2f} ({ratio.minimum:.2f}..{ratio.maximum:.2f})**"


def main() -> None:
    """Measure, print the table and save it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default: 5, quick: 1)")
    parser.add_argument("--quick", action="store_true", help="a fifth of the messages, one round")
    options = parser.parse_args()
    here = Interpreter(Path(sys.executable))
    libraries = {"batch": here, "sync": here}
    try:
        libraries["pyzmq"] = prepare(_ROOT / ".cache" / "benchmarks" / "pyzmq", ["pyzmq"])
    except NotInstalled as error:
        print(f"notice: pyzmq is skipped: {error}", file=sys.stderr)
    table: Table = {}
    for number in range(options.rounds or (1 if options.quick else 5)):
        for workload in _WORKLOADS:
            for library in list(libraries) if number % 2 == 0 else list(libraries)[::-1]:
                figures = measure(library, libraries[library], workload, 5 if options.quick else 1)
                table.setdefault((library, workload), []).append(figures)
    text = markdown(table, list(libraries))
    print(text)
    results = _ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "ymq.md").write_text(text)
    (results / "ymq.json").write_text(json.dumps([[*key, value] for key, value in table.items()]))


if __name__ == "__main__":
    main()
