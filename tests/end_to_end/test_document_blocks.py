"""The blocks of code in README, CONTRIBUTING and the documentation do what the pages say."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Command, run_script, written_by_program
from documents import PAGES, ROOT, Block, all_blocks, blocks_of, name_of

from scaler import SchedulerClusterCombo
from scaler.config.command_line import read_command_line

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# isort: split
from command_definitions import CommandDefinition, read_definitions

DEFINITIONS = read_definitions()
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
LANGUAGES = {"python", "console", "bash", "toml", "text", ""}
PORT = re.compile(r"(?<=:)234([567])\b")
PROMISE = re.compile(r"print\(.*\)  # (.*)$", re.MULTILINE)
READY = {
    "scaler_object_storage_server": "ObjectStorageServer: started",
    "scaler_scheduler": "Scheduler: listen to scheduler monitor address",
    "scaler_cluster": ") started",
}
TOOLS = {"cd", "ctest", "pip", "python"}  # of others, of which only the arguments are looked at
SHELL_LINES = [(block, line) for block in all_blocks("console", "bash") for line in block.text.splitlines()]


def _ports_at(text: str, port: int) -> str:
    """Return a text of the documents with the ports 2345 to 2347 in other places."""
    return PORT.sub(lambda match: str(port + int(match[1]) - 5), text)


def _words(block: Block, line: str) -> list[list[str]]:
    """Return the commands of a line, each as words, without variables that are set for it."""
    if block.language == "console":
        if not line.startswith("$ "):
            return []  # what a command wrote
        line = line[2:]
    commands = []
    for command in line.removesuffix("&").split(" && "):
        words = shlex.split(command, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            del words[0]
        if words:
            commands.append(words)
    return commands


COMMANDS = [(block, words) for block, line in SHELL_LINES for words in _words(block, line)]
OURS = {" ".join(words): (block, words) for block, words in COMMANDS if words[0] in DEFINITIONS}
OTHERS = {" ".join(words): words for _, words in COMMANDS if words[0] not in DEFINITIONS}


@pytest.fixture(scope="module")
def cluster_port() -> Iterator[int]:
    """A cluster for the programs that expect one."""
    with SchedulerClusterCombo(n_workers=2, logging_level="ERROR") as combo:
        yield int(combo.get_address().rsplit(":", 1)[1])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_has_a_language_that_is_tested(page: Path) -> None:
    assert [str(block) for block in blocks_of(page) if block.language not in LANGUAGES] == []


@pytest.mark.parametrize("block", all_blocks("python"), ids=str)
def test_programs_print_what_they_say(
    block: Block, tmp_path: Path, chosen_port: int, cluster_port: int, leftovers: Any
) -> None:
    port = chosen_port if "SchedulerClusterCombo(" in block.text else cluster_port
    lines = written_by_program(run_script(_ports_at(block.text, port), tmp_path))
    promised = PROMISE.findall(block.text)
    assert len(lines) == len(promised) > 0, lines
    for line, promise in zip(lines, promised, strict=True):
        assert line.startswith(promise.removesuffix("..."))


@pytest.mark.parametrize("block", all_blocks("toml"), ids=str)
def test_configuration_files_are_right(block: Block, tmp_path: Path) -> None:
    by_section = {definition.section: definition for definition in DEFINITIONS.values() if definition.section}
    path = tmp_path / "scaler.toml"
    path.write_text(block.text)
    sections = tomllib.loads(block.text)
    assert sections and sections.keys() <= by_section.keys()
    for section in sections:
        _read(by_section[section], ["--config", str(path)])


@pytest.mark.parametrize("line", OURS)
def test_our_commands_understand_their_command_lines(
    line: str, tmp_path: Path, chosen_port: int, leftovers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    block, words = OURS[line]
    definition = DEFINITIONS[words[0]]
    monkeypatch.chdir(tmp_path)
    for file in (other for other in blocks_of(block.page) if other.language == "toml"):
        for name in {"scaler.toml", *(word for word in words if word.endswith(".toml"))}:
            Path(name).write_text(_ports_at(file.text, chosen_port))
    arguments = [_ports_at(word, chosen_port) for word in words[1:]]
    asks_only = not {"-h", "--help", "--version"}.isdisjoint(arguments)
    if definition.config_class is not None and not asks_only:
        _read(definition, arguments)
    ready = READY.get(words[0])
    if ready is None and not asks_only:  # it needs what a test does not have: its help says at least that it starts
        arguments = ["--help"]
    elif not asks_only:
        arguments += ["--logging-level", "INFO"]  # it must tell when it is ready
    with Command(words[0], *arguments) as command:
        if asks_only or ready is None:
            assert command.wait(30) == 0, command.output
        else:
            command.wait_for(ready)
            assert command.stop() == 0, command.output
        assert "Traceback" not in command.output


@pytest.mark.parametrize("line", OTHERS)
def test_other_commands_name_what_exists(line: str) -> None:
    """Scripts, examples and tests that pages tell to run are there, and the extras that they tell to install."""
    words = OTHERS[line]
    assert words[0] in TOOLS or "/" in words[0], f"mark it as '<!-- not run: reason -->': {line}"
    paths = [word for word in words if "/" in word and not word.startswith((".venv/", "-", "http"))]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    if words[0] == "pip":
        named = [extra for word in words for group in re.findall(r"\[(.*)\]", word) for extra in group.split(",")]
        assert [extra for extra in named if extra not in EXTRAS] == []


def test_reasons_are_given_only_where_something_would_be_run() -> None:
    marks = sum(len(re.findall(r"^<!-- not run", page.read_text(), re.MULTILINE)) for page in PAGES)
    assert marks == sum(bool(block.not_run) for page in PAGES for block in blocks_of(page))


def test_a_mark_says_why_the_block_behind_it_is_not_run(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: no such machine -->\n```console\n$ reboot\n```\n\n```{toctree}\nother\n```\n\n"
        "text\n\n```python\nprint(1)\n```\n"
    )
    found = [(block.line, block.language, block.text, block.not_run) for block in blocks_of(page)]
    assert found == [(2, "console", "$ reboot\n", "no such machine"), (12, "python", "print(1)\n", "")]


def _read(definition: CommandDefinition, arguments: list[str]) -> None:
    """Read a command line as the command does, which ends the process when something is wrong."""
    assert definition.config_class is not None
    try:
        read_command_line(definition.config_class, definition.program, definition.section, "", arguments)
    except SystemExit as error:
        pytest.fail(f"{definition.program} {shlex.join(arguments)}: status {error.code}")
