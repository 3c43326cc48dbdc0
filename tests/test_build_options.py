"""What the build refuses, with what to do about it, and that libraries pass on where the headers they show are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is missing: install the package 'cmake'")
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["-DSCALER_STABLE_ABI=ON", "-DSCALER_COMPILE_PYTHON=ON"], "set one of them to OFF"),
        (["-DSKBUILD_SABI_VERSION=3.12", "-DSCALER_STABLE_ABI=OFF"], "leave out one of the two"),
    ],
    ids=["compiled modules for the stable ABI", "a promise that is not kept"],
)
def test_options_that_contradict_each_other(tmp_path: Path, options: list[str], complaint: str) -> None:
    command = ["cmake", "-G", "Ninja", "-S", str(ROOT), "-B", str(tmp_path), *options]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert finished.returncode != 0
    assert complaint in " ".join(finished.stderr.split())


def _passed_on(library: str) -> set[str]:
    """Return what a library of ``cpp`` hands to those that link it, over any number of others."""
    commands = (ROOT / "cpp" / library / "CMakeLists.txt").read_text()
    found: set[str] = set()
    for words in re.findall(rf"target_link_libraries\(\s*{library}\s([^)]*)\)", commands):
        public = re.split(r"\bPRIVATE\b", words)[0].split()
        found.update(word for word in public if word not in ("PUBLIC", "INTERFACE"))
    others = [_passed_on(name) for name in found if (ROOT / "cpp" / name).is_dir()]
    return found.union(*others)


@pytest.mark.parametrize("library", ["object_storage", "worker", "ymq"])
def test_boost_is_found_outside_of_the_system_as_well(library: str) -> None:
    """A system that has Boost hides that a library forgot to ask for it: headers of a prefix are not found then."""
    headers = "".join(path.read_text() for path in (ROOT / "cpp" / library).glob("*.h"))
    assert re.search(r'#include (<boost/|"ymq/)', headers)
    assert "scaler_boost" in _passed_on(library)
