"""The notes on the protocol that are shipped inside the package say what the schemas and docs/protocol.md say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documents import ROOT

import scaler.protocol

NOTES = [Path(scaler.protocol.__file__).parent / name for name in ("introduction.md", "worker.md")]
REFERENCE = (ROOT / "docs" / "protocol.md").read_text()
SCHEMAS = "".join(path.read_text() for path in (NOTES[0].parent / "capnp").glob("*.capnp"))
SIZE = re.compile(r"\b\d+ (?:bytes|KiB|MiB)")
IN_CODE = re.compile(r"`([A-Za-z]+)`")


def _rows(text: str) -> list[tuple[str, ...]]:
    """Return the first three cells of the rows of tables about who says what to whom."""
    cells = (tuple(cell.strip() for cell in line.strip("|").split("|")) for line in text.splitlines() if "|" in line)
    people = {"client", "scheduler", "worker", "agent", "processor"}
    return [row[:3] for row in cells if len(row) >= 3 and row[0] in people and row[1] in people]


every_note = pytest.mark.parametrize("note", NOTES, ids=lambda path: path.name)


@every_note
def test_who_says_what_to_whom_is_that_of_the_protocol(note: Path) -> None:
    rows = _rows(note.read_text())
    assert rows and [row for row in rows if row not in _rows(REFERENCE)] == []


@every_note
def test_names_are_those_of_the_schemas(note: Path) -> None:
    text = note.read_text()
    names = set(IN_CODE.findall(text)) | set(re.findall(r"\b[A-Z]\w+", " ".join(row[2] for row in _rows(text))))
    unknown = {name for name in names - {"capnp"} if not re.search(rf"\b{name}\b", SCHEMAS)}
    assert names and unknown == set()


@every_note
def test_sizes_are_those_of_the_protocol(note: Path) -> None:
    spoken_of = f"{REFERENCE}\n{(ROOT / 'src/scaler/utility/identifiers.py').read_text()}"
    unknown = [size for size in SIZE.findall(note.read_text()) if size not in spoken_of]
    assert [size for size in unknown if size != "8 bytes"] == []  # the u64 of the framing


def test_what_only_a_worker_says_or_hears_is_complete() -> None:
    """The note on workers has every row of the protocol between scheduler and worker."""
    between = [row for row in _rows(REFERENCE) if set(row[:2]) == {"scheduler", "worker"}]
    told = _rows(NOTES[1].read_text())
    assert between and [row for row in between if row not in told] == []


def test_ids_have_the_sizes_that_the_introduction_gives() -> None:
    from scaler.utility.identifiers import ObjectID, TaskID

    assert len(TaskID.generate_task_id()) == 16 and ObjectID.SIZE == 32
    assert "A task's id is 16 bytes, an object's 32" in NOTES[0].read_text()
