"""Options of the build that contradict each other are refused, with what to do about it."""

from __future__ import annotations

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
    command = ["cmake", "-S", str(ROOT), "-B", str(tmp_path), *options]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert finished.returncode != 0
    assert complaint in " ".join(finished.stderr.split())
