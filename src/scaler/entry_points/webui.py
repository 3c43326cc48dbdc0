"""``scaler_ui``: shows a cluster in the browser."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scaler.entry_points.early_end import EarlyEnd

if TYPE_CHECKING:
    from scaler.cluster.stack import Stack
    from scaler.config.section.webui import WebUIConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    with EarlyEnd(is_whole_process=arguments is None):
        from scaler.entry_points.command import run_command
        from scaler.entry_points.commands import command_of_section
        from scaler.ui.webui import serve

        command = command_of_section("webui")
        config = command.read(arguments)

        def run() -> int:
            serve(config, lambda _url: None)
            return 0

        return run_command(command.program, config, run)


def start(stack: Stack, config: WebUIConfig) -> Mapping[str, Any]:
    """Start the web UI as a part of a stack."""
    from scaler.cluster.stack import Stage
    from scaler.ui.webui_process import WebUIProcess

    stack.start(WebUIProcess(config), Stage.others)
    return {}


if __name__ == "__main__":
    sys.exit(main())
