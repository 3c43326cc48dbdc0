"""The version of the installed package."""

from pathlib import Path

__version__ = Path(__file__).with_name("version.txt").read_text(encoding="ascii").strip()
