"""Checks what wheels hold: their files, the checksums of these, their names and their size.

    python scripts/check_wheel.py WHEEL_OR_FOLDER...

A wheel has the files of ``src/scaler``, the extension modules for its tag, the native daemon, metadata with licences
and commands, perhaps libraries in ``opengris_scaler.libs``, and nothing else; 5 MB at most. Prints one line for a wheel
that is right, and otherwise everything that is wrong; ends with status 1 then.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import sys
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
LARGEST_BYTES = 5_000_000
SOURCE_SUFFIXES = (".py", ".pyi", ".md", ".capnp", ".txt", ".typed")
DAEMON = "scaler/object_storage/bin/scaler_object_storage_server_native"
# The native modules that the client part is made of: all that a wheel for Windows has.
CLIENT_MODULES = frozenset({"scaler/protocol/_codec", "scaler/io/ymq/_ymq"})
COMPILED_LIBRARY = "scaler/_compiled__mypyc"
NAME = re.compile(
    r"opengris_scaler-(?P<version>[\d.]+)-cp(?P<python>3\d+)-(?P<abi>abi3|cp3\d+)-(?P<platform>[\w.]+)\.whl"
)


@dataclasses.dataclass(frozen=True)
class Tag:
    """What the name of a wheel says."""

    version: str
    python: str
    abi: str
    platform: str

    @classmethod
    def of(cls, name: str) -> Tag | None:
        """Return what the name says, or None for one that is not a wheel's of this project."""
        match = NAME.fullmatch(name)
        return cls(**match.groupdict()) if match else None

    @property
    def is_client_only(self) -> bool:
        """Whether the platform has only the client part."""
        return self.platform.startswith(("win", "macosx"))

    def has_suffix(self, suffix: str) -> bool:
        """Return whether an extension module of this tag may end so: ``.cpython-311-x86_64-linux-gnu.so``."""
        if self.abi == "abi3":
            return suffix in (".abi3.so", ".pyd")
        return suffix.startswith((f".cpython-{self.python}-", f".{self.abi}-")) and suffix.endswith((".so", ".pyd"))


def native_modules(root: Path = ROOT) -> set[str]:
    """Return the native modules of the package, each with a stub beside it: ``scaler/protocol/_codec``."""
    return {
        path.relative_to(root / "src").with_suffix("").as_posix() for path in (root / "src" / "scaler").rglob("*.pyi")
    }


def compiled_modules(root: Path = ROOT) -> set[str]:
    """Return the modules that mypyc compiles, as the build lists them, and the library that they enter."""
    text = (root / "cmake" / "CompiledPython.cmake").read_text()
    names = re.findall(r"^    (scaler[\w.]+)$", text, re.MULTILINE)
    return {COMPILED_LIBRARY, *(name.replace(".", "/") for name in names)}


def source_files(root: Path = ROOT) -> set[str]:
    """Return the files of the package that are written by hand."""
    paths = (root / "src" / "scaler").rglob("*")
    return {
        path.relative_to(root / "src").as_posix()
        for path in paths
        if path.suffix in SOURCE_SUFFIXES and path.is_file() and "__pycache__" not in path.parts
    }


def complaints(wheel: Path, root: Path = ROOT) -> list[str]:
    """Return everything that is wrong with a wheel of the sources in ``root``."""
    tag = Tag.of(wheel.name)
    if tag is None:
        return [f"the name {wheel.name} is not that of a wheel for CPython of this project"]
    found = []
    size_bytes = wheel.stat().st_size
    if size_bytes > LARGEST_BYTES:
        found.append(f"{size_bytes} bytes are more than {LARGEST_BYTES}")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        found += wrong_files(names, tag, root)
        found += _wrong_metadata(archive, names, tag, root)
        found += _wrong_record(archive, names, tag)
    return found


def wrong_files(names: set[str], tag: Tag, root: Path) -> list[str]:
    """Compare the files of the package with those that the sources and the tag ask for."""
    metadata = f"opengris_scaler-{tag.version}.dist-info/"
    libraries = "opengris_scaler.libs/"
    package = {name for name in names if not name.startswith((metadata, libraries))}
    modules, strange = _modules_of(package, tag)
    expected_modules = CLIENT_MODULES if tag.is_client_only else native_modules(root)
    if tag.abi != "abi3":
        expected_modules = expected_modules | compiled_modules(root)
    daemon = set() if tag.is_client_only else {DAEMON}
    expected = source_files(root) | daemon
    others = package - set(modules.values()) - set(strange)
    return [
        *(f"{name}: an extension module for another interpreter than {tag.python}-{tag.abi}" for name in strange),
        *(f"{name}: the extension module is missing" for name in sorted(expected_modules - modules.keys())),
        *(f"{modules[name]}: no such module belongs here" for name in sorted(modules.keys() - expected_modules)),
        *(f"{name}: missing" for name in sorted(expected - others)),
        *(f"{name}: does not belong into the wheel" for name in sorted(others - expected)),
    ]


def _modules_of(names: set[str], tag: Tag) -> tuple[dict[str, str], list[str]]:
    """Return the extension modules for the tag, by their names without suffix, and those that are for another."""
    modules, strange = {}, []
    for name in sorted(names):
        if not name.endswith((".so", ".pyd")):
            continue
        path = PurePosixPath(name)
        stem, _, suffix = path.name.partition(".")
        if tag.has_suffix(f".{suffix}"):
            modules[str(path.with_name(stem))] = name
        else:
            strange.append(name)
    return modules, strange


def _wrong_metadata(archive: zipfile.ZipFile, names: set[str], tag: Tag, root: Path) -> list[str]:
    """Check the files that installers and users rely on."""
    folder = f"opengris_scaler-{tag.version}.dist-info"
    needed = ["METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE", "licenses/NOTICE"]
    if missing := [f"{folder}/{name}: missing" for name in needed if f"{folder}/{name}" not in names]:
        return missing
    found = []
    if (version := (root / "src" / "scaler" / "version.txt").read_text().strip()) != tag.version:
        found.append(f"the version {tag.version} is not that of version.txt, {version}")
    stated = re.findall(r"^Tag: (.+)$", archive.read(f"{folder}/WHEEL").decode(), re.MULTILINE)
    expected = [f"cp{tag.python}-{tag.abi}-{platform}" for platform in tag.platform.split(".")]
    if sorted(line.strip() for line in stated) != sorted(expected):
        found.append(f"the file WHEEL states {', '.join(stated)} instead of {', '.join(expected)}")
    commands = set(re.findall(r"^(scaler\w*) *=", (root / "pyproject.toml").read_text(), re.MULTILINE))
    installed = set(re.findall(r"^(\w+) *=", archive.read(f"{folder}/entry_points.txt").decode(), re.MULTILINE))
    if commands != installed:
        found.append(f"the commands are {sorted(installed)} instead of {sorted(commands)}")
    return found


def _wrong_record(archive: zipfile.ZipFile, names: set[str], tag: Tag) -> list[str]:
    """Compare every file with its checksum in RECORD."""
    record = f"opengris_scaler-{tag.version}.dist-info/RECORD"
    if record not in names:
        return []
    lines = [line.rsplit(",", 2) for line in archive.read(record).decode().splitlines()]
    sums = {name.strip('"'): checksum for name, checksum, _ in lines if name != record}
    found = [f"{name}: not in RECORD" for name in sorted(names - sums.keys() - {record})]
    found += [f"{name}: in RECORD, but not in the wheel" for name in sorted(sums.keys() - names)]
    for name in sorted(sums.keys() & names):
        digest = base64.urlsafe_b64encode(hashlib.sha256(archive.read(name)).digest()).rstrip(b"=").decode()
        if sums[name] != f"sha256={digest}":
            found.append(f"{name}: its checksum differs from the one in RECORD")
    return found


def _wheels_of(paths: list[str]) -> list[Path]:
    """Return the wheels that are named, or lie in folders that are named."""
    wheels = []
    for path in map(Path, paths):
        if not path.exists():
            sys.exit(f"[check_wheel] {path}: there is no such file or folder")
        wheels += sorted(path.glob("*.whl")) if path.is_dir() else [path]
    return wheels


def main(paths: list[str]) -> int:
    """Check wheels, say what is wrong, and return the exit status."""
    wheels = _wheels_of(paths)
    if not wheels:
        sys.exit(
            f"[check_wheel] there is no wheel in {', '.join(paths) or 'nothing'}: name wheels, or folders with some"
        )
    status = 0
    for wheel in wheels:
        found = complaints(wheel)
        for complaint in found:
            sys.stderr.write(f"[check_wheel] {wheel.name}: {complaint}\n")
        if found:
            status = 1
        elif tag := Tag.of(wheel.name):
            megabytes = wheel.stat().st_size / 1e6
            sys.stdout.write(f"[check_wheel] {wheel.name}: right; {megabytes:.2f} MB, platform {tag.platform}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
