"""A cluster starts in a program without standard input and outputs, as daemons are."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import sys
from scaler import Client, SchedulerClusterCombo

with SchedulerClusterCombo(1) as cluster, Client(cluster.get_address()) as client:
    result = client.submit(pow, 2, 5).result(30)
with open(sys.argv[1], "w") as file:
    file.write(str(result))
"""


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", ">&- 2>&-", "<&- >&-", "<&-"])
def test_a_cluster_starts_without_standard_streams(closed: str, leftovers: object, tmp_path) -> None:
    written = tmp_path / "result"
    command = ["bash", "-c", f'exec "$0" -c "$1" "$2" {closed}', sys.executable, _PROGRAM, str(written)]
    assert subprocess.run(command, timeout=50).returncode == 0
    assert written.read_text() == "32"
