"""Measures every module of the running Python's standard library on a local cluster, one task a file.

Where the library is packaged without its tests, the modules of installed packages are measured as well.

Prints the ten most complex functions, the totals, tasks per second, and the speed-up over a single worker.

    python examples/code_metrics.py [--workers N] [--files N]
"""

import argparse
import ast
import os
import sys
import sysconfig
import time
import tokenize
import warnings
from concurrent.futures import as_completed
from pathlib import Path

from scaler import Client, SchedulerClusterCombo

LIBRARY = sysconfig.get_path("stdlib")
PACKAGES = sysconfig.get_path("purelib")
ENOUGH_FILES = 1000
DECISIONS = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.Assert, ast.comprehension)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def measure_file(path: str) -> tuple[str, int, list[tuple[int, str, int]]]:
    """Return the path, the lines (-1 when it does not parse) and (complexity, name, line) of the functions."""
    try:
        with tokenize.open(path) as file:
            text = file.read()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return path, -1, []  # the tests of Python's own parser hold files that are wrong on purpose
    return path, text.count("\n") + 1, list(find_functions(tree, ""))


def find_functions(node: ast.AST, prefix: str):
    """Yield (complexity, qualified name, line) of every function below a node, nested ones by themselves."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS):
            yield 1 + sum(count_decisions(statement) for statement in child.body), prefix + child.name, child.lineno
        name = f"{prefix}{child.name}." if isinstance(child, (*FUNCTIONS, ast.ClassDef)) else prefix
        yield from find_functions(child, name)


def count_decisions(node: ast.AST) -> int:
    """Count the points where control can go two ways, those of nested functions and classes left out."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return 0
    own = int(isinstance(node, DECISIONS))
    if isinstance(node, ast.BoolOp):
        own = len(node.values) - 1
    elif isinstance(node, ast.comprehension):
        own += len(node.ifs)
    elif isinstance(node, ast.Match):
        own = len(node.cases)
    return own + sum(count_decisions(child) for child in ast.iter_child_nodes(node))


def find_files() -> list[str]:
    """Return the standard library's modules; where it is packaged without its tests, the installed packages as well."""
    found = Path(LIBRARY).rglob("*.py")
    files = sorted(str(path) for path in found if not {"site-packages", "dist-packages"} & set(path.parts))
    if len(files) < ENOUGH_FILES:
        files += sorted(str(path) for path in Path(PACKAGES).rglob("*.py"))
    return files


def show_progress(label: str, done: int, total: int) -> None:
    width = 40
    if sys.stderr.isatty():
        bar = "#" * (width * done // total)
        print(
            f"\r{label} [{bar:<{width}}] {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True
        )
    elif done == total or done * 10 // total > (done - 1) * 10 // total:
        print(f"{label} {100 * done // total:3d}%", file=sys.stderr, flush=True)


def run_job(files: list[str], n_workers: int) -> tuple[list, float]:
    """Measure the files on that many workers; return the measures and the seconds, without the start of the cluster."""
    label = f"{n_workers} worker{'s' if n_workers > 1 else ''}"
    with SchedulerClusterCombo(n_workers=n_workers, logging_level="WARNING") as cluster:
        cluster.wait_for_workers()
        with Client(address=cluster.get_address()) as client:
            began = time.perf_counter()
            futures = [client.submit(measure_file, path) for path in files]
            measures = []
            for done, future in enumerate(as_completed(futures), start=1):
                measures.append(future.result())
                show_progress(label, done, len(files))
            return measures, time.perf_counter() - began


def print_report(measures: list, seconds: float, single_seconds: float, n_workers: int) -> None:
    parsed = [measure for measure in measures if measure[1] >= 0]
    functions = [(*function, path) for path, _, found in parsed for function in found]
    print(f"\n{'complexity':>10}  {'function':<44} place")
    for complexity, name, line, path in sorted(functions, reverse=True)[:10]:
        print(
            f"{complexity:>10}  {name[:44]:<44} {path.removeprefix(LIBRARY + '/').removeprefix(PACKAGES + '/')}:{line}"
        )
    mean = sum(function[0] for function in functions) / max(1, len(functions))
    print(f"\nfiles      {len(measures):>10,}  ({len(measures) - len(parsed)} of them do not parse)")
    print(f"lines      {sum(measure[1] for measure in parsed):>10,}")
    print(f"functions  {len(functions):>10,}  (mean complexity {mean:.2f})")
    print(f"time       {seconds:>10.2f}  seconds on {n_workers} workers, {single_seconds:.2f} on one")
    print(f"tasks/s    {len(measures) / seconds:>10,.0f}")
    print(f"speed-up   {single_seconds / seconds:>10.2f}  over one worker")


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--workers", type=int, default=max(2, os.cpu_count() or 2), help="workers (default: %(default)s)")
parser.add_argument("--files", type=int, help="measure only so many files (default: all)")
options = parser.parse_args()

all_files = find_files()[: options.files]
for each_file in all_files:
    Path(each_file).read_bytes()  # into the system's cache, so that the first of the two runs does not pay for the disk
print(f"measuring {len(all_files)} files of Python {sys.version.split()[0]}", flush=True)
_, seconds_on_one = run_job(all_files, 1)
results, seconds_on_all = run_job(all_files, options.workers)
print_report(results, seconds_on_all, seconds_on_one, options.workers)
