"""Shows which process and thread of a local cluster uses what for one task: CPU time, wake-ups, system calls.

    python benchmarks/per_process.py [call|submit|map] [--tasks 2000] [--workers 2] [--system-calls]

Wake-ups are voluntary context switches: a thread was put to sleep and woken. They are counts, so a busy machine changes
them little. System calls are counted by strace in a further run, which is slower but makes the same calls.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from comparison import work
from comparison.engine import OURS, Engine, load_engine
from comparison.process_tree import context_switches, tree

_PROC = Path("/proc")
_ATTACH_SECONDS = 1.5
_SHOWN_CALLS = 8


@dataclasses.dataclass(frozen=True)
class ThreadUse:
    """What one thread has used so far."""

    name: str
    cpu_nanoseconds: int
    voluntary: int
    involuntary: int


def threads() -> dict[tuple[int, int], ThreadUse]:
    """Return what each thread of this process tree has used, by process and thread id."""
    found = {}
    for pid in tree(os.getpid()):
        for folder in sorted((_PROC / str(pid) / "task").glob("*")):
            with contextlib.suppress(OSError):
                name, own = (_PROC / str(pid) / "comm").read_text().strip(), (folder / "comm").read_text().strip()
                name = "Client" if pid == os.getpid() else name
                thread = "main" if pid == int(folder.name) else own
                cpu = int((folder / "schedstat").read_text().split()[0])
                switches = context_switches((folder / "status").read_text())
                found[pid, int(folder.name)] = ThreadUse(f"{name} {pid} {thread}", cpu, *switches)
    return found


def table(before: dict[tuple[int, int], ThreadUse], after: dict[tuple[int, int], ThreadUse], tasks: int) -> str:
    """Return a row for each thread that did anything, and the sum."""
    lines = [f"{'per task':40}{'CPU us':>9}{'wake-ups':>10}{'preempted':>10}"]
    total = [0.0, 0.0, 0.0]
    for key, now in after.items():
        then = before.get(key, ThreadUse("", 0, 0, 0))
        used = [
            (now.cpu_nanoseconds - then.cpu_nanoseconds) / tasks / 1000,
            (now.voluntary - then.voluntary) / tasks,
            (now.involuntary - then.involuntary) / tasks,
        ]
        total = [sum(pair) for pair in zip(total, used, strict=True)]
        if used[0] >= 0.05 or used[1] >= 0.005:
            lines.append(f"{now.name:40}{used[0]:>9.2f}{used[1]:>10.3f}{used[2]:>10.3f}")
    lines.append(f"{'sum':40}{total[0]:>9.2f}{total[1]:>10.3f}{total[2]:>10.3f}")
    return "\n".join(lines)


@contextlib.contextmanager
def traced(folder: Path) -> Iterator[None]:
    """Count the system calls of every process of this tree, each into a file of the folder."""
    pids = tree(os.getpid())[::-1]  # this process last: what it starts while it is traced is traced too
    tracers = [
        subprocess.Popen(
            ["strace", "-f", "-c", "-U", "calls,name", "-o", str(folder / str(pid)), "-p", str(pid)],
            stderr=subprocess.DEVNULL,
        )
        for pid in pids
    ]
    time.sleep(_ATTACH_SECONDS)
    try:
        yield
    finally:
        for tracer in tracers:
            tracer.send_signal(signal.SIGINT)
            tracer.wait()


def calls_per_task(summary: str, tasks: int) -> str:
    """Return the most frequent system calls of a summary of strace."""
    counts = [(int(found[1]), found[2]) for found in re.finditer(r"^\s*(\d+)\s+([a-z]\w*)\s*$", summary, re.MULTILINE)]
    calls = sorted((pair for pair in counts if pair[1] != "total"), reverse=True)
    total = sum(count for count, _ in calls)
    shown = ", ".join(f"{name} {count / tasks:.2f}" for count, name in calls[:_SHOWN_CALLS] if count * 100 >= tasks)
    return f"{total / tasks:.2f} ({shown})"


def workload(engine: Engine, name: str, tasks: int) -> Callable[[], object]:
    """Return what is to be measured."""
    if name == "map":
        return lambda: engine.map(work.no_op, range(tasks))
    if name == "submit":
        return lambda: engine.collect([engine.submit(work.no_op, number) for number in range(tasks)])
    return lambda: [engine.collect([engine.submit(work.no_op, number)]) for number in range(tasks)]


def main() -> None:
    """Run the workload and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("workload", nargs="?", default="call", choices=("call", "submit", "map"))
    parser.add_argument("--tasks", type=int, default=2_000, help="how many (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default: %(default)s)")
    parser.add_argument("--system-calls", action="store_true", help="count system calls too; needs strace")
    options = parser.parse_args()
    paths = [str(Path(__file__).resolve().parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    engine = load_engine(OURS)(options.workers)
    try:
        engine.wait_for_workers()
        run = workload(engine, options.workload, options.tasks)
        run()
        before, start = threads(), time.perf_counter()
        run()
        seconds = time.perf_counter() - start
        print(f"{options.workload}: {seconds / options.tasks * 1e6:.1f} us per task")
        print(table(before, threads(), options.tasks))
        if options.system_calls:
            print_system_calls(run, options.tasks)
    finally:
        engine.close()


def print_system_calls(run: Callable[[], object], tasks: int) -> None:
    """Run once more under strace, and print what each process called."""
    names = {pid: (_PROC / str(pid) / "comm").read_text().strip() for pid in tree(os.getpid())}
    with tempfile.TemporaryDirectory() as folder:
        with traced(Path(folder)):
            run()
        print("system calls per task")
        for pid, name in names.items():
            summary = Path(folder, str(pid))
            if summary.is_file():
                label = "Client" if pid == os.getpid() else name
                print(f"  {label} {pid}: {calls_per_task(summary.read_text(), tasks)}")


if __name__ == "__main__":
    main()
