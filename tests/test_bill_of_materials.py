"""The bill of materials of the package is well-formed, tells the releases that were used, and leaves nothing out."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from documents import ROOT

import scaler

PACKAGE = Path(scaler.__file__).parent
IS_SOURCE_TREE = PACKAGE.parent == ROOT / "src"
SYSTEM_LIBRARIES = {"libstdc++"}  # not part of a wheel: only templates of their headers are
RELEASE_FILES = ROOT / "scripts" / "release_files.py"


def _bill_text() -> str:
    """Return that of the package under test: of the installed one, or of the last build into the source tree."""
    if IS_SOURCE_TREE:
        builds = [ROOT / "build" / preset / "opengris-scaler.cdx.json" for preset in ("dev", "release")]
        return max((bill for bill in builds if bill.is_file()), key=lambda bill: bill.stat().st_mtime).read_text()
    files = importlib.metadata.files("opengris-scaler") or []
    bills = [file for file in files if file.parent.name == "sboms" and file.name == "opengris-scaler.cdx.json"]
    assert len(bills) == 1, "the package has no bill of materials in its metadata"
    return bills[0].read_text()


def _bill() -> dict[str, Any]:
    bill: dict[str, Any] = json.loads(_bill_text())
    return bill


def _components() -> dict[str, dict[str, Any]]:
    return {component["name"]: component for component in _bill()["components"]}


def _licenses(component: dict[str, Any]) -> set[str]:
    return {word for each in component["licenses"] for word in re.split(r" AND ", each["expression"])}


def _written_by(*command: str, text: str = "") -> str:
    return subprocess.run(command, input=text, check=True, capture_output=True, text=True, timeout=30).stdout


def test_it_is_as_its_specification_wants_it() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(_bill_text()) is None


def test_it_describes_this_release() -> None:
    product = _bill()["metadata"]["component"]
    assert (product["name"], product["version"]) == ("opengris-scaler", scaler.__version__)


def test_cap_n_proto_is_that_of_the_schema_compiler() -> None:
    assert _written_by("capnp", "--version").split()[-1] == _components()["capnproto"]["version"]


def test_boost_is_that_of_the_headers() -> None:
    macros = _written_by("g++", "-x", "c++", "-E", "-dM", "-", text="#include <boost/version.hpp>\n")
    release = re.search(r'define BOOST_LIB_VERSION "(\w+)"', macros)
    assert release is not None
    major, minor, *patch = release[1].split("_")
    assert _components()["boost"]["version"] == f"{major}.{minor}.{patch[0] if patch else 0}"


def test_python_packages_are_those_of_the_build() -> None:
    assert _components()["nanobind"]["version"] == importlib.metadata.version("nanobind")
    is_compiled = any(PACKAGE.parent.glob("scaler/_compiled__mypyc*"))
    assert ("mypyc" in _components()) == is_compiled
    if is_compiled:
        assert _components()["mypyc"]["version"] == importlib.metadata.version("mypy")


def test_no_static_library_is_left_out() -> None:
    """What it does not name, the system brings."""
    assert {"boost", "capnproto", "nanobind", "robin-map"} <= set(_components())
    modules = [path for path in PACKAGE.rglob("*.so") if (path.with_name(f"{path.name.split('.')[0]}.pyi")).is_file()]
    assert modules
    for module in modules:
        assert "libstdc++.so" in _written_by("readelf", "-d", str(module)), f"{module.name} holds the C++ library"


def test_every_part_is_in_the_notice_and_its_license_is_shipped() -> None:
    notice = (ROOT / "NOTICE").read_text()
    called = {"boost": "Boost.Asio", "capnproto": "Cap'n Proto"}
    for name, component in _components().items():
        if name not in SYSTEM_LIBRARIES:
            assert called.get(name, name) in notice
            missing = [each for each in _licenses(component) if not (ROOT / "LICENSES" / f"{each}.txt").is_file()]
            assert missing == []


def test_the_license_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    spdx = (ROOT / "LICENSE.spdx").read_text()
    assert re.findall(r"^PackageLicense(?:Declared|Concluded): (.*)$", spdx, re.MULTILINE) == [project["license"]] * 2
    assert _licenses(_bill()["metadata"]["component"]) == {project["license"]}
    shipped = {path for pattern in project["license-files"] for path in ROOT.glob(pattern)}
    assert shipped == {ROOT / "LICENSE", ROOT / "LICENSE.spdx", ROOT / "NOTICE", *(ROOT / "LICENSES").iterdir()}


def _write_bill(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = str(ROOT / "cmake" / "bill_of_materials.py")
    fixed = ["--version", "1.2.3", "--compiler", "Clang", "19.1", "--capnp", str(folder), "--boost", str(folder)]
    command = [sys.executable, script, *fixed, *arguments, str(folder / "bill.json")]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


@pytest.fixture
def headers(tmp_path: Path) -> Path:
    """Headers of releases that there are not."""
    (tmp_path / "capnp").mkdir()
    numbers = ["#define CAPNP_VERSION_MAJOR 7", "#define CAPNP_VERSION_MINOR 8", "#define CAPNP_VERSION_MICRO 9"]
    (tmp_path / "capnp" / "common.h").write_text("\n".join(numbers))
    (tmp_path / "boost").mkdir()
    (tmp_path / "boost" / "version.hpp").write_text("#define BOOST_VERSION 109203\n")
    return tmp_path


def test_releases_are_read_from_the_headers_that_are_compiled(headers: Path) -> None:
    done = _write_bill(headers)
    assert done.returncode == 0, done.stderr
    bill = json.loads((headers / "bill.json").read_text())
    versions = {component["name"]: component["version"] for component in bill["components"]}
    assert versions["capnproto"] == "7.8.9" and versions["boost"] == "1.92.3"
    assert "mypyc" not in versions and "libstdc++" not in versions
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None


def test_missing_headers_are_named(headers: Path) -> None:
    (headers / "boost" / "version.hpp").unlink()
    done = _write_bill(headers)
    assert done.returncode == 1
    assert done.stderr == f"cannot read {headers / 'boost' / 'version.hpp'}: No such file or directory\n"


def _release(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        if name.endswith(".whl"):
            with zipfile.ZipFile(folder / name, "w") as archive:
                archive.writestr(f"opengris_scaler-{scaler.__version__}.dist-info/sboms/opengris-scaler.cdx.json", "{}")
        else:
            (folder / name).write_text("source")
    return folder


def _write_release_files(tag: str, folder: Path, target: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RELEASE_FILES), tag, str(folder), str(target)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


SOURCE = f"opengris_scaler-{scaler.__version__}.tar.gz"
WHEEL = f"opengris_scaler-{scaler.__version__}-cp311-cp311-manylinux_2_28_x86_64.whl"


def test_a_release_has_bills_and_checksums_attached(tmp_path: Path) -> None:
    folder = _release(tmp_path / "dist", SOURCE, WHEEL)
    done = _write_release_files(f"v{scaler.__version__}", folder, tmp_path / "attached")
    assert done.returncode == 0, done.stderr
    bill = f"{WHEEL.removesuffix('.whl')}.opengris-scaler.cdx.json"
    assert {path.name for path in (tmp_path / "attached").iterdir()} == {"SHA256SUMS", bill}
    sums = tmp_path / "attached" / "SHA256SUMS"
    assert (
        "OK"
        in subprocess.run(
            ["sha256sum", "--check", str(sums)], cwd=folder, check=True, capture_output=True, text=True, timeout=30
        ).stdout
    )


@pytest.mark.parametrize(
    ("tag", "names", "reason"),
    [
        ("v0.0.0", [SOURCE, WHEEL], "the tag is 'v0.0.0', but src/scaler/version.txt says"),
        (f"v{scaler.__version__}", [WHEEL], "is missing"),
        (f"v{scaler.__version__}", [SOURCE], "there is no wheel beside"),
        (f"v{scaler.__version__}", [SOURCE, WHEEL, "notes.txt"], "not of release .*: notes.txt"),
    ],
)
def test_what_is_no_release_is_refused(tmp_path: Path, tag: str, names: list[str], reason: str) -> None:
    done = _write_release_files(tag, _release(tmp_path / "dist", *names), tmp_path / "attached")
    assert done.returncode == 1 and re.search(reason, done.stderr)
    assert not (tmp_path / "attached").exists()
