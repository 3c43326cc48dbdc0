"""Every process of a cluster loads only what it needs: imports are most of the time until the first result.

What a process imports before it gets its settings is what its preparation imports. A name stands for what is below it.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

NOWHERE = {
    "argparse",
    "configparser",
    "email",
    "http",
    "logging.config",
    "multiprocessing",
    "numpy",
    "capnp",
    "psutil",
    "scaler.client.client",
    "scaler.cluster.combo",
    "tblib",
    "tomllib",
    "urllib",
}
NO_LOOP = {"asyncio", "concurrent", "ssl"}
NO_PICKLER = {"cloudpickle", "ctypes", "scaler.utility.serialization", "scaler.utility.failures"}
RUNS_TASKS = "scaler.worker.agent.processor.service"

# What is loaded, a module that must be among it, what must not, and how many modules it may be, without those that the
# interpreter loads by itself, which differ by release and by what the environment hooks in.
BUDGETS = {
    "processor": (
        "import scaler.worker.agent.processor.preparation as p; p.prepare()",
        RUNS_TASKS,
        {*NO_LOOP, "scaler.config", "scaler.scheduler", "scaler.worker.agent.agent", "subprocess"},
        129,
    ),
    "agent": (
        "import scaler.worker.agent.agent, scaler.utility.event_loop, scaler.utility.logging.utility",
        "scaler.worker.agent.agent",
        {*NO_PICKLER, "scaler.config", "scaler.scheduler", "json", RUNS_TASKS},
        164,
    ),
    "scheduler": (
        "import scaler.cluster.preparation as p; p.prepare_scheduler()",
        "scaler.scheduler.scheduler",
        {*NO_PICKLER, "aiohttp", "scaler.worker"},
        221,
    ),
    "cluster": (
        "import scaler.cluster.preparation as p; p.prepare_cluster()",
        "scaler.cluster.cluster",
        {*NO_LOOP, *NO_PICKLER, "scaler.io", "scaler.scheduler", "scaler.worker.agent", "json"},
        104,
    ),
    "object storage server": (
        "import scaler.cluster.preparation as p; p.prepare_object_storage_server()",
        "scaler.object_storage.object_storage_server",
        {*NO_LOOP, *NO_PICKLER, "scaler.io", "scaler.protocol", "scaler.scheduler", "scaler.worker"},
        100,
    ),
    "starting anything": (
        "import scaler.utility.process",
        "scaler.utility.process",
        {*NO_LOOP, *NO_PICKLER, "logging", "scaler.utility.interpreter", "socket", "subprocess"},
        45,
    ),
}


@pytest.mark.parametrize("role", BUDGETS)
def test_import_budget(role: str) -> None:
    code, expected, forbidden, most_modules = BUDGETS[role]
    code = f"import sys; by_itself = set(sys.modules); {code}; print(*(set(sys.modules) - by_itself))"
    command = [sys.executable, "-X", "importtime", "-c", code]
    child = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    modules = set(child.stdout.split())
    loaded_for_nothing = {
        module for module in modules for name in forbidden | NOWHERE if module == name or module.startswith(f"{name}.")
    }
    assert not loaded_for_nothing, child.stderr
    assert expected in modules
    assert len(modules) < most_modules, child.stderr


def test_a_client_reads_and_writes_its_messages_without_the_schema_library() -> None:
    code = """
import sys
import scaler.client.client
from scaler.protocol import message
message.decode(message.encode("clientHeartbeat", resource={"cpu": 1, "rss": 2}))
assert not {"asyncio", "capnp", "psutil"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], timeout=30, check=True)
