"""The accounting of process trees, on made-up and on real processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from comparison import process_tree
from comparison.process_tree import Usage

TICKS = os.sysconf("SC_CLK_TCK")


def add_process(proc: Path, pid: int, parent: int, ticks: tuple[int, int, int, int], switches: list[tuple[int, int]]):
    """Write what the accounting reads of a process; there is one entry of switches for each of its threads."""
    folder = proc / str(pid)
    before = f"{pid} (a (strange) name) S {parent} 1 1 0 -1 0 1 2 3 4"
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{before} {' '.join(map(str, ticks))} 20 0 1")
    for number, (voluntary, involuntary) in enumerate(switches):
        (folder / "task" / str(pid + number)).mkdir(parents=True)
        (folder / "task" / str(pid + number) / "status").write_text(
            f"Name:\tx\nvoluntary_ctxt_switches:\t{voluntary}\nnonvoluntary_ctxt_switches:\t{involuntary}\n"
        )


def test_a_tree_sums_descendants_threads_and_ended_children_and_nothing_else(tmp_path):
    add_process(tmp_path, 10, 1, (TICKS, 0, 0, 0), [(1, 2), (10, 20)])
    add_process(tmp_path, 11, 10, (0, TICKS, 0, 0), [(100, 200)])
    add_process(tmp_path, 12, 11, (0, 0, TICKS, TICKS), [])
    add_process(tmp_path, 13, 1, (99, 99, 99, 99), [(99, 99)])
    assert Usage.of_tree(10, tmp_path) == Usage(4.0, 111, 222)


def test_a_process_that_is_gone_counts_nothing(tmp_path):
    add_process(tmp_path, 10, 1, (TICKS, 0, 0, 0), [])
    (tmp_path / "11").mkdir()
    assert sorted(process_tree.tree(10, tmp_path)) == [10]
    assert Usage.of_tree(11, tmp_path) == Usage(0.0, 0, 0)


def test_usage_is_subtracted_figure_by_figure():
    assert Usage(3.0, 20, 5) - Usage(1.0, 5, 3) == Usage(2.0, 15, 2)


@pytest.mark.parametrize("figure", ["cpu_seconds"])
def test_a_child_that_has_ended_is_in_the_account(figure):
    before = Usage.of_tree(os.getpid())
    code = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
    used = Usage.of_tree(os.getpid()) - before
    assert getattr(used, figure) >= 0.25


def test_orphans_are_adopted_and_ended():
    code = """
import os, subprocess, sys
from comparison import process_tree
process_tree.adopt_orphans()
start = "import subprocess; print(subprocess.Popen(['sleep', '60'], stdout=-3, stderr=-3).pid)"
orphan = int(subprocess.run([sys.executable, '-c', start], capture_output=True, check=True).stdout)
assert orphan in process_tree.tree(os.getpid())
assert process_tree.end_adopted() == 1
assert orphan not in process_tree.tree(os.getpid())
"""
    folder = Path(process_tree.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(folder)}, timeout=30)
    assert done.returncode == 0


def test_memory_of_this_process_is_plausible():
    assert process_tree.memory_bytes(os.getpid()) > 1 << 20
