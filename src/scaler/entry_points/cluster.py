"""``scaler_cluster``: runs workers on this machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from scaler.cluster.cluster import Cluster
from scaler.cluster.stack import Stack, Stage
from scaler.config.section.cluster import ClusterConfig
from scaler.entry_points.command import run_command
from scaler.entry_points.commands import command_of_section

COMMAND = command_of_section("cluster")
PROGRAM = COMMAND.program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    config: ClusterConfig = COMMAND.read(arguments)

    def run() -> int:
        return 0 if Cluster.from_config(config).supervise() else 1

    return run_command(PROGRAM, config, run)


def start(stack: Stack, config: ClusterConfig) -> Mapping[str, Any]:
    """Start the workers as a part of a stack."""
    stack.start(Cluster.from_config(config), Stage.others)
    return {}


if __name__ == "__main__":
    sys.exit(main())
