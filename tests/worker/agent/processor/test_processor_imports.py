"""A processor loads only what runs tasks: its start is part of the time in which a worker serves again."""

from __future__ import annotations

import subprocess
import sys

FORBIDDEN = {
    "argparse",
    "asyncio",
    "capnp",
    "concurrent",
    "configparser",
    "http",
    "logging.config",
    "multiprocessing",
    "numpy",
    "psutil",
    "scaler.client.client",
    "scaler.config",
    "scaler.scheduler",
    "scaler.worker.agent.agent",
    "ssl",
    "subprocess",
    "tblib",
    "tomllib",
    "urllib",
}
BUDGET_MODULES = 150

LIST_MODULES = "import scaler.worker.agent.processor.processor, sys; print(*sys.modules, sep='\\n')"


def test_import_budget():
    command = [sys.executable, "-X", "importtime", "-c", LIST_MODULES]
    child = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    modules = set(child.stdout.split())
    assert modules.isdisjoint(FORBIDDEN), child.stderr
    assert "scaler.worker.agent.processor.processor" in modules
    assert len(modules) < BUDGET_MODULES, child.stderr
