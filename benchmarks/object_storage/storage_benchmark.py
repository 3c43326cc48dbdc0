"""Compares our object storage server with Redis, in interleaved rounds.

    python benchmarks/object_storage/storage_benchmark.py [--rounds 5] [--quick]

Ten connections with one request in flight on each, driven by the same native load generator for both, and by
redis-benchmark; then one connection of the Python connectors. Redis and its Python client are skipped with a notice
when they are not there. The load generator is built into build/benchmarks when it is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from comparison.environments import Interpreter, NotInstalled, prepare
from comparison.process_tree import Usage
from comparison.spread import Spread

from object_storage.servers import ServerMissing, redis_server, storage_server

_ROOT = Path(__file__).resolve().parents[2]
_CONNECTIONS = 10
_SIZES = {"1 KiB": 1 << 10, "1 MiB": 1 << 20}
_REQUESTS = {"1 KiB": 40_000, "1 MiB": 2_000}
_PYTHON_SHARE = 5
_SECONDS = 120
_BUILD = _ROOT / "build" / "benchmarks"
_GENERATOR = _BUILD / "benchmarks" / "object_storage" / "storage_load_generator"

Figures = dict[str, float]
Side = Callable[[str, str, int, int], Figures]


def build_generator() -> None:
    """Build the load generator."""
    configure = ["cmake", "-S", str(_ROOT), "-B", str(_BUILD), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"]
    options = ["-DSCALER_BUILD_BENCHMARKS=ON", "-DSCALER_BUILD_MODULES=OFF"]
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    subprocess.run([*configure, *options], **quiet)  # type: ignore[call-overload]
    subprocess.run(["cmake", "--build", str(_BUILD), "--target", _GENERATOR.name], **quiet)  # type: ignore[call-overload]


def generated(protocol: str, port: int, pid: int) -> Side:
    """Return how to load a server with the native load generator; the server's CPU time is a figure too."""

    def run(operation: str, size: str, size_bytes: int, requests: int) -> Figures:
        command = [str(_GENERATOR), protocol, operation, str(port), str(size_bytes), str(_CONNECTIONS), str(requests)]
        before = Usage.of_tree(pid)
        figures: Figures = json.loads(_output(command))
        used = Usage.of_tree(pid) - before
        return {**figures, "server_cpu_us": used.cpu_seconds / requests * 1e6}

    return run


def redis_benchmarked(port: int) -> Side:
    """Return how to load Redis with its own tool."""

    def run(operation: str, size: str, size_bytes: int, requests: int) -> Figures:
        options = {"-p": port, "-t": operation, "-d": size_bytes, "-c": _CONNECTIONS, "-n": requests}
        flags = [text for name, value in options.items() for text in (name, str(value))]
        rows = list(csv.DictReader(io.StringIO(_output(["redis-benchmark", *flags, "--csv"]))))
        row = {name: float(value) for name, value in rows[-1].items() if name != "test"}
        return {
            "requests_per_second": row["rps"],
            "p50_us": row["p50_latency_ms"] * 1000,
            "p99_us": row["p99_latency_ms"] * 1000,
        }

    return run


def connected(protocol: str, port: int, interpreter: Interpreter) -> Side:
    """Return how to load a server through a Python connector."""

    def run(operation: str, size: str, size_bytes: int, requests: int) -> Figures:
        script = Path(__file__).with_name("python_client.py")
        command = [str(interpreter.executable), str(script), protocol, operation, str(port), str(size_bytes)]
        folders = [Path(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
        variables = interpreter.variables(folders if protocol == "storage" else [])
        figures: Figures = json.loads(_output([*command, str(requests // _PYTHON_SHARE)], variables))
        return figures

    return run


def _output(command: list[str], variables: dict[str, str] | None = None) -> str:
    return subprocess.run(
        command, env=variables, stdout=subprocess.PIPE, text=True, check=True, timeout=_SECONDS
    ).stdout


Table = dict[tuple[str, str, str], list[Figures]]
"""Figures of all rounds by side, operation and size."""


def measure(sides: dict[str, Side], rounds: int, share: int) -> Table:
    """Run everything in every round, the sides in turn."""
    table: Table = {}
    for number in range(rounds):
        for size, size_bytes in _SIZES.items():
            for operation in ("set", "get"):
                for name in list(sides) if number % 2 == 0 else list(sides)[::-1]:
                    figures = sides[name](operation, size, size_bytes, _REQUESTS[size] // share)
                    table.setdefault((name, operation, size), []).append(figures)
    return table


def markdown(table: Table, ours: str, peers: list[str]) -> str:
    """Return one table: ours against some peers, with how many times better ours is."""
    lines = [f"| | {ours} | " + " | ".join(peers) + " |", "|---" * (len(peers) + 2) + "|"]
    figures = {"requests_per_second": ("requests/s", True), "p50_us": ("p50, µs", False), "p99_us": ("p99, µs", False)}
    for size in _SIZES:
        for operation in ("set", "get"):
            for figure, (unit, is_more_better) in {**figures, "server_cpu_us": ("server CPU µs", False)}.items():
                cells = [_cell(table, (side, operation, size), figure, ours, is_more_better) for side in (ours, *peers)]
                if cells[0] != "–":
                    lines.append(f"| {operation.upper()} {size}: {unit} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(table: Table, key: tuple[str, str, str], figure: str, ours: str, is_more_better: bool) -> str:
    values = [figures.get(figure) for figures in table.get(key, [])]
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    text = f"{Spread.of(known).median:.0f}"
    if key[0] == ours:
        return text
    mine = [figures.get(figure) for figures in table[ours, key[1], key[2]]]
    ratio = Spread.of_ratios(mine, values) if is_more_better else Spread.of_ratios(values, mine)
    return text if ratio is None else f"{text} **×{ratio.median:.2f} ({ratio.minimum:.2f}..{ratio.maximum:.2f})**"


def add_redis(port: int, pid: int, native: dict[str, Side], connectors: dict[str, Side]) -> None:
    """Add the ways to load a Redis that runs."""
    native["Redis"] = generated("redis", port, pid)
    if shutil.which("redis-benchmark"):
        native["redis-benchmark"] = redis_benchmarked(port)
    environment = prepare(_ROOT / ".cache" / "benchmarks" / "redis", ["redis[hiredis]"])
    connectors["redis-py"] = connected("redis", port, environment)


def main() -> None:
    """Measure, print the two tables and save them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default: 5, quick: 1)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the requests, one round")
    options = parser.parse_args()
    build_generator()
    with contextlib.ExitStack() as servers:
        port, pid = servers.enter_context(storage_server())
        native = {"Scaler": generated("storage", port, pid)}
        connectors = {"connector": connected("storage", port, Interpreter(Path(sys.executable)))}
        try:
            add_redis(*servers.enter_context(redis_server()), native, connectors)
        except (ServerMissing, NotInstalled) as error:
            print(f"notice: {error}", file=sys.stderr)
        sides = {**native, **connectors}
        table = measure(sides, options.rounds or (1 if options.quick else 5), 10 if options.quick else 1)
    text = markdown(table, "Scaler", list(native)[1:]) + "\n" + markdown(table, "connector", list(connectors)[1:])
    print(text)
    results = _ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "object_storage.md").write_text(text)
    (results / "object_storage.json").write_text(json.dumps([[*key, value] for key, value in table.items()]))


if __name__ == "__main__":
    main()
