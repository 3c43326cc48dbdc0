"""The documentation can be built without a warning, is complete, and fetches nothing from elsewhere."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT

# isort: split
from command_definitions import read_definitions
from generated_pages import GENERATED, fill

FETCHED = re.compile(r"""<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=["'](?:https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site once, as its script does."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [str(ROOT / "scripts" / "docs.sh"), str(folder)],
        env={**os.environ, "PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout
    return folder


@pytest.mark.timeout(240)
def test_every_page_is_in_the_site(site: Path) -> None:
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert pages <= {path.stem for path in site.glob("*.html")}
    assert 'href="operating.html"' in (site / "index.html").read_text()


@pytest.mark.timeout(240)
def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    assert [path.name for path in site.glob("*.html") if FETCHED.search(path.read_text())] == []
    sheets = "".join(path.read_text() for path in site.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", sheets) == []


@pytest.mark.timeout(240)
def test_the_reference_has_every_flag_and_key_of_every_command(site: Path) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", " ", (site / "commands.html").read_text()))
    words = set(text.split())
    for definition in read_definitions().values():
        assert definition.program in words
        assert definition.flags - {"-h", "--help", "--version"} <= words
        assert definition.keys <= words


def test_a_chapter_says_value_limits_default_and_meaning() -> None:
    row = next(line for line in GENERATED["commands"]().splitlines() if "`--io-threads`" in line)
    assert row.split(" | ")[1:4] == ["`io_threads`", "N, at least 1, at most 256", "1"]
    assert row.endswith("| threads that move messages |")


def test_examples_are_listed_with_what_they_say_of_themselves() -> None:
    for language, suffix in (("Python", ".py"), ("C++", ".cpp")):
        lines = GENERATED[f"examples in {language}"]().splitlines()
        assert len(lines) == len(list((ROOT / "examples").rglob(f"*{suffix}"))) > 0
        assert [line for line in lines if not re.fullmatch(r"- `examples/[\w/.]+`: .+[.]", line)] == []


def test_an_unknown_name_of_a_generated_part_is_refused() -> None:
    with pytest.raises(KeyError, match="weather"):
        fill("text\n<!-- generated: weather -->\n")
