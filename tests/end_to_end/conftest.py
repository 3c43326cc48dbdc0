"""What tests with real commands share."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def tasks_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the workers of commands import the tasks that stand beside the tests, as a user's program has them."""
    folders = [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, folders)))
