"""What tests of the connectors share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "object_storage"))

from storage_server_fixture import RunningServer, running_server


@pytest.fixture
def server(tmp_path) -> Iterator[RunningServer]:
    """A real server."""
    with running_server(tmp_path) as running:
        yield running
