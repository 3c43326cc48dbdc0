"""What documents tell users to type is understood, as is what the reference's documents do."""

import re
import shlex
from pathlib import Path

import pytest

from scaler.config.command_line import make_parser
from scaler.entry_points import stack, stack_plan
from scaler.entry_points.commands import COMMANDS

README = (Path(__file__).parents[2] / "README.md").read_text()
BY_PROGRAM = {command.program: command for command in COMMANDS}

REFERENCE = [
    'scaler_scheduler "tcp://127.0.0.1:2345"',
    "scaler_cluster -n 4 tcp://127.0.0.1:2345",
    "scaler_scheduler --config example_config.toml",
    "scaler_cluster --config example_config.toml --num-of-workers 12",
    "scaler_object_storage_server --config example_config.toml",
    "scaler_object_storage_server tcp://127.0.0.1:2346",
    "scaler_scheduler --allocate-policy capability tcp://127.0.0.1:2345",
    'scaler_cluster -n 4 --per-worker-capabilities "gpu,linux" tcp://127.0.0.1:2345',
    "scaler_scheduler tcp://127.0.0.1:2345 --adapter-webhook-url http://127.0.0.1:8080",
    "scaler_scheduler --event-loop uvloop tcp://127.0.0.1:2345",
    "scaler_scheduler -mt 5 -ct 5 -wt 5 -ot 5 -ls 1 -lbt 2 -e builtin -p -ap even -ll INFO tcp://127.0.0.1:2345",
    "scaler_cluster -n 1 -wn a -pwc x -wtqs 5 -hi 1 -tts 5 -gc 5 -ds 5 -tm 5 -el builtin -wit 1 -hps tcp://h:1",
    "scaler_cluster -osa tcp://h:2 -lcf logging.ini tcp://h:1 -ll DEBUG -lp /dev/stdout",
]


def commands_in(text: str) -> list[str]:
    """Return the lines of console blocks that start one of the commands."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ scaler")]


@pytest.mark.parametrize("line", [*commands_in(README), *REFERENCE])
def test_command_lines_are_understood(line):
    program, *arguments = shlex.split(line)
    if program == stack.PROGRAM:
        assert len(arguments) == 1
        return
    command = BY_PROGRAM[program]
    namespace = make_parser(command.config_class, program, command.section, "").parse_args(arguments)
    assert namespace.config or "tcp://" in getattr(namespace, next(iter(command.config_class.__dataclass_fields__)))


def test_files_in_the_readme_are_right(tmp_path):
    files = re.findall(r"^```toml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert files
    for text in files:
        path = tmp_path / "example.toml"
        path.write_text(text)
        parts, left_out = stack_plan.plan(str(path))
        assert parts and not left_out
