"""No time-out of the product can be upset by who sets the clock: nothing but logs and pages ask what time it is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WALL_CLOCKS_OF_PYTHON = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow")}
WALL_CLOCKS_OF_CPP = re.compile(r"\bsystem_clock\b|\bCLOCK_REALTIME\b|\bgettimeofday\b|\bstd::time\b|\bsystem_timer\b")
SHOW_THE_TIME = {"cpp/object_storage/logger.cpp", "src/scaler/ui/pages/viewer.py"}


def _wall_clocks(path: Path) -> list[str]:
    text = path.read_text()
    if path.suffix != ".py":
        return WALL_CLOCKS_OF_CPP.findall(text)
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and (name := getattr(node.value, "id", getattr(node.value, "attr", ""))):
            found += [f"{name}.{node.attr}"] if (name, node.attr) in WALL_CLOCKS_OF_PYTHON else []
        if isinstance(node, ast.ImportFrom):
            found += [alias.name for alias in node.names if (node.module, alias.name) in WALL_CLOCKS_OF_PYTHON]
    return found


@pytest.mark.parametrize(("folder", "patterns"), [("src/scaler", ["*.py"]), ("cpp", ["*.cpp", "*.h"])])
def test_the_time_of_day_decides_nothing(folder: str, patterns: list[str]) -> None:
    paths = [path for pattern in patterns for path in (ROOT / folder).rglob(pattern)]
    assert len(paths) > 50
    uses = {path.relative_to(ROOT).as_posix(): found for path in paths if (found := _wall_clocks(path))}
    assert set(uses) <= SHOW_THE_TIME, uses


def test_a_wall_clock_would_be_found(tmp_path: Path) -> None:
    for name, text in {"a.py": "import time\nnow = time.time()", "b.py": "from time import time_ns"}.items():
        (tmp_path / name).write_text(text)
        assert len(_wall_clocks(tmp_path / name)) == 1
    (tmp_path / "c.cpp").write_text("auto now = std::chrono::system_clock::now();")
    assert len(_wall_clocks(tmp_path / "c.cpp")) == 1
