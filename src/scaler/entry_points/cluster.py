"""``scaler_cluster``: runs workers on this machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scaler.entry_points.early_end import EarlyEnd

if TYPE_CHECKING:
    from scaler.cluster.cluster import Cluster
    from scaler.cluster.stack import Stack
    from scaler.config.section.cluster import ClusterConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    with EarlyEnd(is_whole_process=arguments is None):
        from scaler.cluster.cluster import Cluster
        from scaler.entry_points.command import run_command
        from scaler.entry_points.commands import command_of_section

        command = command_of_section("cluster")
        config = command.read(arguments)
        return run_command(command.program, config, lambda: run(Cluster.from_config(config), config.logging_paths))


def run(cluster: Cluster, logging_paths: Sequence[str]) -> int:
    """Run the workers until they have ended; raise ChildProcessError when one of them has failed."""
    if not cluster.supervise():
        raise ChildProcessError(f"a worker has failed; why is in the log: {' '.join(logging_paths) or 'there is none'}")
    return 0


def start(stack: Stack, config: ClusterConfig) -> Mapping[str, Any]:
    """Start the workers as a part of a stack."""
    from scaler.cluster.cluster import Cluster
    from scaler.cluster.stack import Stage

    stack.start(Cluster.from_config(config), Stage.others)
    return {}


if __name__ == "__main__":
    sys.exit(main())
