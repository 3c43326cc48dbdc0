"""A Sphinx extension: puts what is written elsewhere into pages, in the places of ``<!-- generated: NAME -->``."""

from __future__ import annotations

import argparse
import ast
import functools
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from command_definitions import ROOT, CommandDefinition, read_definitions

PLACE = re.compile(r"^<!-- generated: (.*) -->$", re.MULTILINE)
DEFAULT = re.compile(r" \((?:default: )?((?:[^()]|\([^()]*\))*)\)$")


def describe_commands() -> str:
    """Return a chapter for each command: what it does, its section, and a table of its options."""
    return "\n\n".join(_chapter(definition) for definition in read_definitions().values())


def list_examples(suffix: str) -> str:
    """Return a list of the examples in one language with the first paragraph of what each says about itself."""
    paths = sorted((ROOT / "examples").rglob(f"*{suffix}"), key=lambda path: (len(path.parts), path.name))
    return "\n".join(f"- `{path.relative_to(ROOT)}`: {_first_paragraph(path)}" for path in paths)


GENERATED: dict[str, Callable[[], str]] = {
    "commands": describe_commands,
    "examples in Python": functools.partial(list_examples, ".py"),
    "examples in C++": functools.partial(list_examples, ".cpp"),
}


def fill(text: str) -> str:
    """Return the text of a page with everything in its place. Raise KeyError for a name that is unknown."""
    return PLACE.sub(lambda match: GENERATED[match[1]](), text)


def setup(app: Any) -> dict[str, bool]:
    """Register at Sphinx."""

    def on_source_read(_: Any, __: str, source: list[str]) -> None:
        source[0] = fill(source[0])

    app.connect("source-read", on_source_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _chapter(definition: CommandDefinition) -> str:
    if definition.config_class is None:
        return f"### {definition.program}\n\n```text\n{definition.help_text.strip()}\n```"
    rows = ["| Option | Key | Value | Default | Meaning |", "|---|---|---|---|---|"]
    rows += [_row(definition, option) for option in definition.options if option.dest not in ("help", "version")]
    head = f"### {definition.program}\n\n{definition.description} It reads the section `[{definition.section}]`."
    return f"{head}\n\n" + "\n".join(rows)


def _row(definition: CommandDefinition, option: argparse.Action) -> str:
    """Return what ``--help`` says of an option as a row, with the limits of its value."""
    text = (option.help or "").replace("%%", "%")
    default = DEFAULT.search(text)
    is_key = option.dest in definition.keys
    cells = [
        " ".join(f"`{flag}`" for flag in option.option_strings) or "the first argument",
        f"`{option.dest}`" if is_key else "",
        _value(option, definition.limits_of(option.dest) if is_key else ""),
        default[1] if default else "",
        DEFAULT.sub("", text),
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(option: argparse.Action, limits: str) -> str:
    if option.nargs == 0:
        return "`true`, `false`"
    metavar = "ADDRESS" if not option.option_strings else str(option.metavar)
    if metavar.startswith("{"):
        return " ".join(f"`{choice}`" for choice in metavar.strip("{}").split(","))
    several = ", several" if option.nargs in ("*", "+") else ""
    return f"{metavar}{several}" + (f", {limits}" if limits else "")


def _first_paragraph(path: Path) -> str:
    """Return what a file says about itself at its head, up to the first empty line."""
    source = path.read_text()
    if path.suffix == ".py":
        head = ast.get_docstring(ast.parse(source)) or ""
    else:
        comment = itertools.takewhile(lambda line: line.startswith("//"), source.splitlines())
        head = "\n".join(line.removeprefix("//").strip() for line in comment)
    return " ".join(head.split("\n\n")[0].split())
