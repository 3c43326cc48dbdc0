"""The tool that installs libraries: what it refuses, and that both of its scripts mean the same archives."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / "scripts" / "library_tool.sh"


def _run(cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SCALER_CACHE": str(cache), "SCALER_PREFIX": str(cache / "prefix")}
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, env=environment, timeout=30)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("boost",),
        ("boost", "remove"),
        ("zlib", "all"),
        ("boost", "all", "--unknown"),
        ("boost", "all", "--prefix="),
    ],
)
def test_tells_how_it_is_used(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = _run(tmp_path, *arguments)
    assert result.returncode == 1
    assert "usage: library_tool.sh boost|capnp download|compile|install|all" in result.stderr


@pytest.mark.parametrize("library", ["boost", "capnp"])
def test_takes_no_archive_that_it_does_not_know(tmp_path: Path, library: str) -> None:
    archive = tmp_path / "archive.tar.gz"
    archive.write_bytes(b"something else")
    for verb in ("download", "compile"):
        result = _run(tmp_path, library, verb, f"--archive={archive}")
        assert result.returncode == 1
        assert f"--archive={archive} is none of the known archives of {library}" in result.stderr
    assert not (tmp_path / "prefix").exists()


def test_takes_no_archive_that_has_changed_on_disk(tmp_path: Path) -> None:
    archive = tmp_path / "downloaded" / "capnproto-c++-0.9.2.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(b"cut")
    result = _run(tmp_path, "capnp", "compile")
    assert result.returncode == 1
    assert f"{archive} has the SHA-256 " in result.stderr
    assert "remove it, and download it anew" in result.stderr


def test_names_an_archive_that_is_not_there(tmp_path: Path) -> None:
    result = _run(tmp_path, "capnp", "compile", f"--archive={tmp_path}/none")
    assert (result.returncode, "there is no such file" in result.stderr) == (1, True)
    result = _run(tmp_path, "boost", "compile")
    assert "boost_1_81_0.tar.bz2 is missing: run " in result.stderr
    assert "nothing to install" in _run(tmp_path, "boost", "install").stderr


def test_both_scripts_mean_the_same_archives() -> None:
    known = set(re.findall(r"^(\S+) ([0-9a-f]{64}) (https:\S+)$", TOOL.read_text(), re.MULTILINE))
    other = TOOL.with_suffix(".ps1").read_text()
    found = zip(*(re.findall(rf'{name} = "(.+)"', other) for name in ("File", "Sha256", "Origin")), strict=True)
    assert len(known) == 2
    assert set(found) == known
