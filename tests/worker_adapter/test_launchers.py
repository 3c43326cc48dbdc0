"""The launchers of the adapters in the source tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"


@pytest.mark.parametrize("adapter", ["native", "ecs", "symphony"])
def test_an_adapter_runs_from_the_source_tree(adapter: str) -> None:
    # The source tree is not where the tests of an installed package import from.
    text = (SOURCE / f"run_worker_adapter_{adapter}.py").read_text()
    done = subprocess.run([sys.executable, "-c", text, "--version"], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout.split()[0]) == (0, f"scaler_worker_adapter_{adapter}")
