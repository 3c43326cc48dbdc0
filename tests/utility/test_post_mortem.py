"""The launchers of the source tree, and what they do with an error."""

import pdb
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scaler.entry_points.commands import COMMANDS
from scaler.utility.post_mortem import run_with_debugger

SOURCE = Path(__file__).parents[2] / "src"
LAUNCHERS = {"run_scaler.py": "scaler"} | {
    f"run_{command.entry_point.rsplit('.', 1)[1]}.py": command.program for command in COMMANDS
}


@pytest.mark.parametrize(("file", "program"), list(LAUNCHERS.items()))
def test_every_command_has_a_launcher(file, program):
    # The source tree is not where the tests of an installed package import from.
    text = (SOURCE / file).read_text()
    assert f"``{program}``" in text
    done = subprocess.run([sys.executable, "-c", text, "--version"], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout.split()[0]) == (0, program)


def fail() -> int:
    raise RuntimeError("a defect")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_an_unexpected_error_opens_the_debugger_on_a_terminal(is_terminal, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(pdb, "post_mortem", lambda: opened.append(True))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: is_terminal))
    assert run_with_debugger(fail) == 1
    assert "RuntimeError: a defect" in capsys.readouterr().err
    assert opened == [True] * is_terminal


def test_the_status_is_that_of_the_command():
    assert run_with_debugger(lambda: 7) == 7
