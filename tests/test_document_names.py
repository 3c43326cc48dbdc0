"""What pages name exists: flags, commands, sections, keys, names of the code, and files."""

from __future__ import annotations

import functools
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from documents import PAGES, ROOT, inline_code, name_of

import scaler

# isort: split
from command_definitions import read_definitions

DEFINITIONS = read_definitions()
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
COMMAND = re.compile(r"(scaler_[a-z_]+)(?: .*)?")
SECTION = re.compile(r"\[([a-z_]+)\]")
NAME = re.compile(r"(?:[A-Za-z]\w*_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*)(?:\(\))?")
DOTTED = re.compile(r"([A-Za-z]\w*)((?:\.[A-Za-z_]\w*)+)(?:\(.*\))?")
FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)+/?|[\w-]+\.(?:py|cpp|h|md|capnp|sh|toml)")
MADE = (".cache/", ".venv/", "build/", "benchmarks/results", "scaler.toml")  # by our own programs, and by users
OF_TOOLS = {"project.scripts"}
# What names of our metrics begin with, and the metrics that prometheus_client adds.
OF_METRICS = {
    "scaler_scheduler_",
    "scaler_object_storage_",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_resident_memory_bytes",
}

FOLDERS = ("src", "cpp", "cmake", "tests", "benchmarks", "examples", "scripts", "docs", ".ci", ".github")
OWN_PROGRAMS = ("benchmarks", "examples", "scripts", ".ci")


@functools.cache
def _files() -> tuple[Path, ...]:
    """Return everything that is written by hand."""
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    found += [path for path in sorted(ROOT.iterdir()) if path.is_file()]
    return tuple(path for path in found if not {"__pycache__", "corpus"} & set(path.parts) and path.suffix != ".so")


@functools.cache
def _source(*folders: str) -> str:
    """Return the text of all code, or of that in some folders; of pages, and of this file, nothing."""
    files = [path for path in _files() if path.suffix != ".md" and path != Path(__file__)]
    if folders:
        files = [path for path in files if path.relative_to(ROOT).parts[0] in folders]
    return "\n".join(path.read_text(errors="replace") for path in files)


@functools.cache
def _words() -> frozenset[str]:
    return frozenset(re.findall(r"\w+", _source()))


@functools.cache
def _flags() -> frozenset[str]:
    """Return the flags of our commands, and those that programs and scripts of the repository know or use."""
    ours = {flag for definition in DEFINITIONS.values() for flag in definition.flags}
    return frozenset(ours | set(FLAG.findall(_source(*OWN_PROGRAMS))))


def _is_attribute(name: str, path: str) -> bool:
    """Return whether something public, or a module of the package, has a chain of attributes."""
    names = path.strip(".").split(".")
    if name in scaler.__all__:
        return _has(getattr(scaler, name), names)
    if name != "scaler":
        return all(word in _words() for word in (name, *names))
    for length in range(len(names), -1, -1):
        try:
            module = importlib.import_module(".".join(["scaler", *names[:length]]))
        except ImportError:
            continue
        return _has(module, names[length:])
    return False


def _has(owner: Any, names: list[str]) -> bool:
    for name in names:
        if not hasattr(owner, name):
            return False
        owner = getattr(owner, name)
    return True


def _is_file(path: str) -> bool:
    """Return whether it is a file or folder, named from the root or from wherever the page is about."""
    if path.startswith(MADE) or (ROOT / path).exists():
        return True
    endings = tuple(f"/{path.rstrip('/')}{suffix}" for suffix in ("", ".h", ".py", ".cpp"))
    return any(str(each).endswith(endings) or f"{endings[0]}/" in str(each) for each in _files())


def _wrong(code: str) -> str:
    """Return what is wrong with a piece of inline code; nothing when it names what exists, or names nothing."""
    if code in OF_METRICS:
        return ""
    command = COMMAND.fullmatch(code)
    if command and command[1] not in DEFINITIONS:
        return f"there is no command {command[1]}"
    known = DEFINITIONS[command[1]].flags if command else _flags()
    is_of_others = not command and not code.startswith("--") and "/" not in code  # like ``du --apparent-size``
    unknown = [flag for flag in FLAG.findall(code) if flag not in known]
    if unknown and not is_of_others:
        return f"no command has {unknown[0]}"
    if (match := SECTION.fullmatch(code)) and match[1] not in {each.section for each in DEFINITIONS.values()}:
        return f"no command reads a section [{match[1]}]"
    if NAME.fullmatch(code) and code.removesuffix("()") not in _words():
        return "no code has this name"
    if FILE.fullmatch(code):
        return "" if _is_file(code) else "there is no such file"
    if (match := DOTTED.fullmatch(code)) and code not in OF_TOOLS and not _is_attribute(match[1], match[2]):
        return "nothing has this attribute"
    return ""


def _text_of(page: Path) -> str:
    """Return a page's text without what it tells of the reference, whose names need not exist here."""
    lines = page.read_text().splitlines()
    if page.name == "differences.md":
        lines = ["|".join(["", "", *line.split("|")[2:]]) if line.startswith("| ") else line for line in lines]
    return "\n".join(lines)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_names_exists(page: Path) -> None:
    wrong = {code: reason for code in inline_code(_text_of(page)) if (reason := _wrong(code))}
    assert wrong == {}


@pytest.mark.parametrize(
    "code",
    [
        "--no-such-flag",
        "scaler_scheduler --num-of-workers 3",
        "scaler_no_such_command",
        "[weather]",
        "no_such_setting_seconds",
        "NoSuchError",
        "Client.no_such_call",
        "scaler.client.no_such_module",
        "docs/no_such_page.md",
    ],
)
def test_what_does_not_exist_is_found(code: str) -> None:
    assert _wrong(code)
