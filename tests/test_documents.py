"""What documents name exists: tests in files below this folder, in Python and in C++."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCUMENTS = [TESTS.parent / "docs" / "differences.md", TESTS / "FAULTS.md"]
NAMED = re.compile(r"`([\w/]+\.(?:py|cpp))::([\w.]+)`")


def _exists(file: str, name: str) -> bool:
    path = TESTS / file
    if not path.is_file():
        return False
    text = path.read_text()
    if path.suffix == ".py":
        return re.search(rf"^def {re.escape(name)}\(", text, re.MULTILINE) is not None
    return re.search(rf"^TEST(?:_F|_P)?\({name.replace('.', ', ')}\)", text, re.MULTILINE) is not None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_tests_that_a_document_names_exist(document: Path) -> None:
    named = NAMED.findall(document.read_text())
    assert len(named) > 30
    missing = [f"{file}::{name}" for file, name in named if not _exists(file, name)]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_row_names_a_test(document: Path) -> None:
    rows = [line for line in document.read_text().splitlines() if line.startswith("| ")]
    heads = [row for row in rows if row.startswith(("| In the reference |", "| Fault |"))]
    assert heads and [row for row in rows if row not in heads and not NAMED.search(row)] == []
