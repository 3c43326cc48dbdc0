"""A pickle can run code where it is loaded: nobody loads one but who runs tasks, and who has submitted them."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1] / "src" / "scaler"
LOADERS = {"load", "loads", "Unpickler"}
MODULES = {"pickle", "cloudpickle", "_pickle", "dill", "marshal", "shelve"}
WHO_LOADS = {
    "client/serializer/default.py",
    "utility/failures.py",
    "utility/process.py",  # what its parent has written into a pipe
    "utility/serialization.py",
    "worker/agent/processor/pickled_name.py",  # until it would load something
    "worker/agent/processor/task_objects.py",
    "worker/agent/processor/task_runner.py",
    "worker_adapter/symphony/callback.py",  # in the service, which runs the task
}
SERIALIZERS = {"scaler.utility.failures", "scaler.utility.serialization", "scaler.client.serializer.default"}
RUN_AND_SUBMIT = ("client/", "worker/agent/processor/", "worker_adapter/symphony/", "utility/")


def _loads_pickles(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in LOADERS and getattr(node.value, "id", "") in MODULES:
            return True
        is_import = isinstance(node, ast.ImportFrom) and node.module in MODULES
        if is_import and any(alias.name in LOADERS for alias in node.names):
            return True
    return False


def _imports(path: Path) -> set[str]:
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    return {node.module for node in nodes if node.module is not None}


def test_only_who_runs_or_submits_tasks_loads_pickles() -> None:
    paths = {path.relative_to(ROOT).as_posix(): path for path in ROOT.rglob("*.py")}
    assert len(paths) > 200
    assert {name for name, path in paths.items() if _loads_pickles(path)} <= WHO_LOADS
    users = {name for name, path in paths.items() if _imports(path) & SERIALIZERS}
    assert users and all(name.startswith(RUN_AND_SUBMIT) for name in users), users


def test_a_loader_would_be_found(tmp_path: Path) -> None:
    for number, text in enumerate(["import pickle\npickle.loads(b'')", "from cloudpickle import loads as read"]):
        path = tmp_path / f"{number}.py"
        path.write_text(text)
        assert _loads_pickles(path)
