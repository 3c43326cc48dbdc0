"""Reads the workflows of continuous integration as tests need them: their jobs, the actions they use, what they run."""

from __future__ import annotations

import dataclasses
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from documents import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_ACTION = re.compile(r"^\s*(?:- )?uses:\s*(\S+)(?:\s+#\s*(\S+))?\s*$", re.MULTILINE)
_SCRIPT = re.compile(r"(?:^|[\s'\"])((?:\./)?(?:scripts|\.ci)/[\w./-]+)((?: [^&|;'\"\n]*)?)", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Job:
    """A job, with the workflow that it is part of."""

    file: str
    name: str
    content: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.file}:{self.name}"

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Return its steps; one that calls another workflow has none."""
        return list(self.content.get("steps", []))

    @property
    def lines(self) -> list[str]:
        """Return what its steps run."""
        return [step["run"] for step in self.steps if "run" in step]

    def expanded(self, line: str) -> Iterator[str]:
        """Yield a line with every combination of what its matrix says."""
        matrix = self.content.get("strategy", {}).get("matrix", {})
        rows = [dict(row) for row in matrix.get("include", [])]
        lists = {key: values for key, values in matrix.items() if key not in ("include", "exclude")}
        rows += [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values()) if lists]
        for row in rows or [{}]:
            yield _EXPRESSION.sub(lambda match, row=row: str(row.get(match[1].removeprefix("matrix."), match[0])), line)


def read(file: Path) -> dict[str, Any]:
    """Return the content of a workflow; what it is started by is under ``True``, as YAML 1.1 has it."""
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    return content


def jobs() -> list[Job]:
    """Return the jobs of all workflows."""
    return [Job(file.name, name, content) for file in FILES for name, content in read(file)["jobs"].items()]


def used_actions(text: str) -> list[tuple[str, str]]:
    """Return what a workflow uses, each with the comment behind it."""
    return _ACTION.findall(text)


def expressions(text: str) -> list[str]:
    """Return what stands in ``${{ }}``."""
    return _EXPRESSION.findall(text)


def called_scripts(line: str) -> list[tuple[str, list[str]]]:
    """Return the scripts of the repository that a line calls, with their arguments."""
    return [(path.removeprefix("./"), shlex.split(rest)) for path, rest in _SCRIPT.findall(line)]
