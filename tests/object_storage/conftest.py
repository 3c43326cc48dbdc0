"""One server for the tests of this folder that do not need one of their own."""

from collections.abc import Iterator

import pytest
from storage_server_fixture import RunningServer, running_server


@pytest.fixture
def server(tmp_path) -> Iterator[RunningServer]:
    """A server without limits."""
    with running_server(tmp_path) as running:
        yield running
