"""What tests of the scheduler core share."""

from __future__ import annotations

import pytest
from scheduler_fixture import SchedulerFixture


@pytest.fixture
def scheduler() -> SchedulerFixture:
    """Return a core with the settings that it has by itself."""
    return SchedulerFixture()
