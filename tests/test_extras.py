"""The extras of the package: those that error messages and pages tell to install exist, and ``all`` has every one."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
DEVELOPMENT = {"test", "docs", "dev", "examples"}


def named_in(text: str) -> set[str]:
    """Return the extras that a text tells to install."""
    named = re.findall(re.escape(PROJECT["name"]) + r"\[([\w,]+)\]", text)
    return {extra for names in named for extra in names.split(",")}


def test_what_is_told_to_be_installed_exists() -> None:
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    told = set().union(*(named_in(path.read_text()) for path in sources))
    assert {"uvloop", "gui", "aws", "all"} <= told <= set(EXTRAS)


def test_all_has_everything_that_the_commands_can_use() -> None:
    (everything,) = EXTRAS["all"]
    used = {extra for extra, packages in EXTRAS.items() if packages} - DEVELOPMENT - {"all"}
    assert named_in(everything) == used


def test_the_table_of_extras_is_complete() -> None:
    table = (ROOT / "README.md").read_text().partition("### Optional packages")[2].partition("\n### ")[0]
    documented = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert documented == set(EXTRAS) - {"all", "test", "docs", "dev"}
