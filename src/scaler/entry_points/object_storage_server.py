"""``scaler_object_storage_server``: runs an object storage server in this process."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scaler.cluster.object_storage_server import ObjectStorageServerProcess
from scaler.config.command_line import read_command_line
from scaler.config.section.object_storage_server import ObjectStorageServerConfig
from scaler.entry_points.command import run_command

PROGRAM = "scaler_object_storage_server"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    config = read_command_line(
        ObjectStorageServerConfig,
        PROGRAM,
        "object_storage_server",
        "Run an object storage server: it keeps the arguments and results of tasks.",
        arguments,
    )

    def run() -> int:
        ObjectStorageServerProcess(
            object_storage_address=config.object_storage_address,
            logging_paths=config.logging_paths,
            logging_level=config.logging_level,
            logging_config_file=config.logging_config_file,
            memory_limit_bytes=config.memory_limit_bytes,
            get_timeout_seconds=config.get_timeout_seconds,
            shared_memory=config.shared_memory,
            metrics_address=config.metrics_address,
        ).run()
        return 0

    # The server sets logging up itself, as it does in a process of its own.
    return run_command(PROGRAM, ((), None, config.logging_level), run)


if __name__ == "__main__":
    sys.exit(main())
