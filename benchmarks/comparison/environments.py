"""The virtual environments of the peers, one each, made with pip when they are first wanted."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_STAMP = "installed-requirements.txt"
_INSTALL_SECONDS = 600


class NotInstalled(RuntimeError):
    """A peer cannot be installed here; the text says why."""


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """How to start the interpreter of an environment."""

    executable: Path
    library_folders: tuple[Path, ...] = ()

    def variables(self, import_folders: Sequence[Path]) -> dict[str, str]:
        """Return the environment variables of a process that runs in it."""
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, import_folders))}
        if self.library_folders:
            variables["LD_LIBRARY_PATH"] = os.pathsep.join(map(str, self.library_folders))
        return variables


def prepare(folder: Path, requirements: Sequence[str]) -> Interpreter:
    """Return an environment with the requirements, which is made unless it is there. Raise NotInstalled."""
    wanted = "\n".join([sys.version, *requirements])
    stamp = folder / _STAMP
    if not stamp.is_file() or stamp.read_text() != wanted:
        _install(folder, requirements)
        stamp.write_text(wanted)
    packages = next(folder.glob("lib/python*/site-packages"))
    return Interpreter(folder / "bin" / "python", tuple(packages.glob("opengris_scaler.libs")))


def _install(folder: Path, requirements: Sequence[str]) -> None:
    print(f"installing {' '.join(requirements)} into {folder}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *requirements])
    for packages in folder.glob("lib/python*/site-packages"):
        _complete(packages)


def _complete(packages: Path) -> None:
    """Copy modules that a wheel has installed below ``src`` to where its package looks for them."""
    for module in (packages / "src").rglob("*.so"):
        shutil.copy2(module, packages / module.relative_to(packages / "src"))


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise NotInstalled(lines[-1])
