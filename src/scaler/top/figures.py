"""How figures and names are written, and how many cells of a terminal they take."""

from __future__ import annotations

import unicodedata
from typing import Final

import wcwidth

_LATE_SECONDS: Final = 5
_LONG_LATE_SECONDS: Final = 60
_UNPRINTABLE: Final = "?"
_CUT: Final = "+"


def load_text(cpu_permille: int) -> str:
    """Return thousandths of a core as percent of a core."""
    return f"{cpu_permille / 10:.1f}%"


def lag_text(lag_us: int, silent_seconds: int) -> str:
    """Return the way of a message in one direction; in front, the age of the last heartbeat when that is late."""
    if lag_us < 1000:
        text = f"{lag_us}us"
    else:
        text = f"{lag_us / 1000:.1f}ms" if lag_us < 1_000_000 else f"{lag_us / 1_000_000:.1f}s"
    if silent_seconds <= _LATE_SECONDS:
        return text
    age = f"{silent_seconds}s" if silent_seconds <= _LONG_LATE_SECONDS else f"{_LONG_LATE_SECONDS}+s"
    return f"({age}) {text}"


def name_text(identity: bytes, most_cells: int) -> str:
    """Return a name that fits into a number of cells; one that is cut keeps its beginning and ends with ``+``."""
    name = printable(identity.decode(errors="replace"))
    if cells(name) <= most_cells:
        return name
    return cut(name, 0, most_cells - 1).rstrip() + _CUT


def printable(text: str) -> str:
    """Return the text with a mark for whatever could move the cursor or change the terminal: peers choose names."""
    normal = unicodedata.normalize("NFC", text)
    return "".join(character if _has_cells(character) else _UNPRINTABLE for character in normal)


def cells(text: str) -> int:
    """Return how many cells a printable text takes."""
    return len(text) if text.isascii() else sum(map(wcwidth.wcwidth, text))


def pad(text: str, width: int, *, to_right: bool = False) -> str:
    """Return a printable text with blanks up to a width in cells, behind it, or in front of it."""
    blanks = " " * (width - cells(text))
    return blanks + text if to_right else text + blanks


def cut(text: str, left: int, width: int) -> str:
    """Return the cells from ``left`` on of a printable text; a wide character that is cut through becomes blanks."""
    if text.isascii():
        return text[left : left + width]
    shown: list[str] = []
    position = 0
    for character in text:
        end = position + wcwidth.wcwidth(character)
        inside = min(end, left + width) - max(position, left)
        if inside > 0:
            shown.append(character if inside == end - position else " " * inside)
        position = end
    return "".join(shown)


def _has_cells(character: str) -> bool:
    return character.isprintable() and wcwidth.wcwidth(character) > 0
