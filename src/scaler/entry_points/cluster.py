"""``scaler_cluster``: runs workers on this machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scaler.cluster.cluster import Cluster
from scaler.config.command_line import read_command_line
from scaler.config.section.cluster import ClusterConfig
from scaler.entry_points.command import run_command

PROGRAM = "scaler_cluster"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    config = read_command_line(
        ClusterConfig, PROGRAM, "cluster", "Run workers on this machine, for a scheduler anywhere.", arguments
    )

    def run() -> int:
        Cluster.from_config(config).run()
        return 0

    # The cluster sets logging up itself, as it does in a process of its own.
    return run_command(PROGRAM, ((), None, config.logging_level), run)


if __name__ == "__main__":
    sys.exit(main())
