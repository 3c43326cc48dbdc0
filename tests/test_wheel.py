"""What a wheel may hold, and that the script which checks wheels finds what is wrong with one."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import scaler
from scripts import check_wheel

ROOT = Path(__file__).resolve().parent.parent
VERSION = scaler.__version__
METADATA = f"opengris_scaler-{VERSION}.dist-info"
LINUX = f"opengris_scaler-{VERSION}-cp311-cp311-manylinux_2_28_x86_64.whl"
STABLE = f"opengris_scaler-{VERSION}-cp312-abi3-musllinux_1_2_aarch64.whl"
WINDOWS = f"opengris_scaler-{VERSION}-cp314-cp314-win_amd64.whl"
MACOS = f"opengris_scaler-{VERSION}-cp313-cp313-macosx_13_3_arm64.whl"
SUFFIXES = {
    LINUX: ".cpython-311-x86_64-linux-gnu.so",
    STABLE: ".abi3.so",
    WINDOWS: ".cp314-win_amd64.pyd",
    MACOS: ".cpython-313-darwin.so",
}
CLIENT_ONLY = (WINDOWS, MACOS)
CODEC = f"scaler/protocol/_codec{SUFFIXES[LINUX]}"


def _contents(name: str) -> dict[str, bytes]:
    """Return the files of a wheel of this name that is right, without its RECORD."""
    modules = check_wheel.CLIENT_MODULES if name in CLIENT_ONLY else check_wheel.native_modules()
    if name != STABLE:
        modules = modules | check_wheel.compiled_modules()
    files = dict.fromkeys(check_wheel.source_files(), b"text")
    files |= {f"{module}{SUFFIXES[name]}": b"module" for module in modules}
    if name not in CLIENT_ONLY:
        files[check_wheel.DAEMON] = b"daemon"
    commands = re.findall(r"^scaler\w* = .*$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    tag = "-".join(name.removesuffix(".whl").split("-")[2:])
    files[f"{METADATA}/METADATA"] = b"Name: opengris-scaler"
    files[f"{METADATA}/WHEEL"] = f"Wheel-Version: 1.0\nTag: {tag}\n".encode()
    files[f"{METADATA}/entry_points.txt"] = "\n".join(["[console_scripts]", *commands]).encode()
    files[f"{METADATA}/licenses/LICENSE"] = files[f"{METADATA}/licenses/NOTICE"] = b"licence"
    return files


def _write(path: Path, files: dict[str, bytes], recorded: dict[str, bytes] | None = None) -> Path:
    """Write a wheel whose RECORD tells of its files, or of others."""
    lines = [f"{METADATA}/RECORD,,"]
    for name, content in (files if recorded is None else recorded).items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{METADATA}/RECORD", "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("name", [LINUX, STABLE, WINDOWS, MACOS], ids=["linux", "stable ABI", "windows", "macos"])
def test_a_wheel_that_is_right(tmp_path: Path, name: str) -> None:
    assert check_wheel.complaints(_write(tmp_path / name, _contents(name))) == []


def _add(name: str, content: bytes = b"") -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.update({name: content})


def _remove(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.__delitem__(name)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_add("tests/test_wheel.py"), "tests/test_wheel.py: does not belong into the wheel"),
        (_add("scaler/protocol/__pycache__/codec.cpython-311.pyc"), "does not belong into the wheel"),
        (_add("opengris_scaler.data/scripts/scaler"), "does not belong into the wheel"),
        (_add("scaler/_codec.so"), "scaler/_codec.so: an extension module for another interpreter"),
        (_add(f"scaler/_other{SUFFIXES[LINUX]}"), "no such module belongs here"),
        (_remove("scaler/py.typed"), "scaler/py.typed: missing"),
        (_remove(check_wheel.DAEMON), f"{check_wheel.DAEMON}: missing"),
        (_remove(CODEC), "scaler/protocol/_codec: the extension module is missing"),
        (_remove(f"{METADATA}/licenses/NOTICE"), "NOTICE: missing"),
        (_add(f"{METADATA}/WHEEL", b"Tag: cp311-cp311-linux_x86_64\n"), "instead of cp311-cp311-manylinux_2_28_x86_64"),
        (_add(f"{METADATA}/entry_points.txt", b"scaler = x\n"), "the commands are"),
    ],
)
def test_what_is_wrong_is_found(tmp_path: Path, change: Callable[[dict[str, bytes]], None], complaint: str) -> None:
    files = _contents(LINUX)
    change(files)
    (found,) = check_wheel.complaints(_write(tmp_path / LINUX, files))
    assert complaint in found


def test_libraries_that_were_added_by_the_repair_are_right(tmp_path: Path) -> None:
    files = _contents(LINUX) | {"opengris_scaler.libs/libatomic-1234.so.1": b"library"}
    assert check_wheel.complaints(_write(tmp_path / LINUX, files)) == []


def test_a_file_that_was_changed_later_is_found(tmp_path: Path) -> None:
    files = _contents(LINUX)
    changed = files | {CODEC: b"another module"}
    (found,) = check_wheel.complaints(_write(tmp_path / LINUX, changed, recorded=files))
    assert found == f"{CODEC}: its checksum differs from the one in RECORD"


def test_a_wheel_that_is_too_large_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_wheel, "LARGEST_BYTES", 1000)
    (found,) = check_wheel.complaints(_write(tmp_path / LINUX, _contents(LINUX)))
    assert found.endswith("bytes are more than 1000")


@pytest.mark.parametrize("name", ["other-1.0-py3-none-any.whl", f"opengris_scaler-{VERSION}-py3-none-any.whl"])
def test_names_of_other_wheels_are_refused(tmp_path: Path, name: str) -> None:
    (found,) = check_wheel.complaints(_write(tmp_path / name, {}))
    assert name in found


def test_what_is_installed_is_what_a_wheel_holds() -> None:
    if Path(scaler.__file__).parent.parent.name == "src":
        return  # a source tree is not installed from a wheel
    distribution = importlib.metadata.distribution("opengris-scaler")
    tag = re.findall(r"^Tag: (.+)$", distribution.read_text("WHEEL") or "", re.MULTILINE)[0]
    python, abi, platform = tag.split("-")
    names = {str(path) for path in distribution.files or []}
    package = {name for name in names if not name.startswith("..") and "__pycache__" not in name}
    expected = check_wheel.Tag(VERSION, python.removeprefix("cp"), abi, platform)
    assert check_wheel.wrong_files(package, expected, ROOT) == []


@pytest.mark.timeout(180)
def test_the_smoke_test_of_wheels_passes(leftovers) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "smoke_test.py")]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert finished.returncode == 0, finished.stderr
    assert "everything works" in finished.stdout
