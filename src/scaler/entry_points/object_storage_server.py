"""``scaler_object_storage_server``: runs an object storage server in this process."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scaler.entry_points.early_end import EarlyEnd

if TYPE_CHECKING:
    from scaler.cluster.stack import Stack
    from scaler.config.section.object_storage_server import ObjectStorageServerConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    with EarlyEnd(is_whole_process=arguments is None):
        from scaler.cluster.object_storage_server import ObjectStorageServerProcess
        from scaler.entry_points.command import run_command
        from scaler.entry_points.commands import command_of_section

        command = command_of_section("object_storage_server")
        config = command.read(arguments)

        def run() -> int:
            ObjectStorageServerProcess.from_config(config).serve()
            return 0

        return run_command(command.program, config, run)


def start(stack: Stack, config: ObjectStorageServerConfig) -> Mapping[str, Any]:
    """Start the server as a part of a stack; return its real address."""
    from scaler.cluster.object_storage_server import ObjectStorageServerProcess
    from scaler.cluster.stack import Stage

    storage = ObjectStorageServerProcess.from_config(config)
    stack.start(storage, Stage.storage)
    return {"object_storage_address": storage.advertised_address}


if __name__ == "__main__":
    sys.exit(main())
