"""What tests with real commands share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import Terminal


@pytest.fixture
def tasks_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the workers of commands import the tasks that stand beside the tests, as a user's program has them."""
    folders = [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, folders)))


@pytest.fixture
def terminal(leftovers: object, tmp_path: Path) -> Iterator[Terminal]:
    """A real terminal, wide enough for every column of ``scaler_top``."""
    with Terminal(tmp_path, cells=170, rows=40) as terminal:
        yield terminal
