"""Reads documents as tests need them: their blocks of code, each with its language, place and mark, and their words."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs" / "extensions"))

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "src" / "scaler" / "protocol").glob("*.md")),
]

_FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<language>\S*)[^\n]*\n(?P<text>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL
)
_NOT_RUN = re.compile(r"<!-- not run: (\S.*) -->\s*\Z")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_INLINE = re.compile(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code. ``not_run`` is the reason that the page gives why it cannot be run, or empty."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """Return the path of a page as users know it."""
    return str(page.relative_to(ROOT))


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page in order; directives of the documentation, in braces, are none."""
    text = page.read_text()
    found = []
    for match in _FENCE.finditer(text):
        if not match["language"].startswith("{"):
            mark = _NOT_RUN.search(text[: match.start()])
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(page, line, match["language"], match["text"], mark[1] if mark else ""))
    return found


def all_blocks(*languages: str) -> list[Block]:
    """Return the blocks of all pages in some languages that can be run."""
    return [block for page in PAGES for block in blocks_of(page) if block.language in languages and not block.not_run]


def inline_code(text: str) -> list[str]:
    """Return what a text has between backticks, without its blocks."""
    return [" ".join(match[2].split()) for match in _INLINE.finditer(_COMMENT.sub("", _FENCE.sub("", text)))]
