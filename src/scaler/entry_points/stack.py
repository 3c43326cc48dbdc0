"""``scaler``: runs everything that one TOML file has a section for, and stops everything when one part ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scaler.entry_points.early_end import EarlyEnd

if TYPE_CHECKING:
    from scaler.config.command_line import OneLineParser
    from scaler.entry_points.stack_plan import Part

PROGRAM = "scaler"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    with EarlyEnd(is_whole_process=arguments is None):
        from scaler.config.configuration_error import ConfigurationError
        from scaler.entry_points.command import OwnLogging, run_command
        from scaler.entry_points.stack_plan import plan

        parser = _make_parser()
        namespace = parser.parse_args(arguments)
        path = namespace.config or namespace.config_file
        if path is None or (namespace.config and namespace.config_file):
            parser.error("expected one configuration file, like: scaler example_config.toml")
        try:
            parts, left_out = plan(path)
        except ConfigurationError as error:
            parser.refuse(error)
        # The launcher itself says little, and always to the terminal; every part has settings of its own.
        logging = OwnLogging(("/dev/stdout",))
        return run_command(PROGRAM, logging, lambda: _run(path, parts, left_out))


def _run(path: str, parts: list[Part], left_out: list[str]) -> int:
    import logging

    from scaler.cluster.stack import run_stack
    from scaler.entry_points.stack_plan import start_parts

    for name in left_out:
        logging.warning("%s: %s: no command reads the section [%s], it is left out", PROGRAM, path, name)
    return run_stack(PROGRAM, lambda stack: start_parts(stack, parts))


def _make_parser() -> OneLineParser:
    from scaler.about import __version__
    from scaler.config.command_line import OneLineParser
    from scaler.entry_points.commands import COMMANDS

    sections = ", ".join(f"[{command.section}]" for command in COMMANDS if command.is_part)
    parser = OneLineParser(
        prog=PROGRAM,
        description="Run everything that a TOML file has a section for, on this machine, until one part of it ends.",
        epilog=f"Sections: {sections}. Each is that of a command, whose --help lists its keys. A section need not "
        "repeat the address of another part of the file.",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.add_argument("config_file", nargs="?", help="the TOML file, like example_config.toml")
    parser.add_argument("--config", "-c", metavar="PATH", help="the same (default: none)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
