"""What ``scaler`` makes of a file, before it starts anything."""

import dataclasses

import pytest

from scaler.config.configuration_error import ConfigurationError
from scaler.config.setting import setting
from scaler.config.types.zmq import ZMQConfig
from scaler.entry_points import stack, stack_plan
from scaler.entry_points.commands import COMMANDS, CommandDefinition

SCHEDULER = '[scheduler]\nscheduler_address = "tcp://127.0.0.1:1234"\n'
STORAGE = '[object_storage_server]\nobject_storage_address = "tcp://127.0.0.1:1235"\n'


@pytest.fixture
def plan(tmp_path):
    def plan_of(text: str):
        path = tmp_path / "stack.toml"
        path.write_text(text)
        return stack_plan.plan(str(path))

    return plan_of


def test_parts_are_in_the_order_of_their_start(plan):
    text = "[webui]\nweb_port = 1\n[cluster]\nnum_of_workers = 3\n[mine]\nkey = 1\n" + SCHEDULER + STORAGE
    parts, left_out = plan(text)
    assert [part.command.section for part in parts] == ["object_storage_server", "scheduler", "cluster", "webui"]
    assert [part.open for part in parts] == [
        (),
        ("object_storage_address",),
        ("scheduler_address",),
        ("monitor_address",),
    ]
    assert parts[2].config.num_of_workers == 3
    assert left_out == ["mine"]


def test_what_a_section_says_itself_is_not_taken_from_others(plan):
    parts, _ = plan(SCHEDULER + '[cluster]\nscheduler_address = "tcp://10.0.0.1:1"\nnum_of_workers = 1\n')
    assert [part.open for part in parts] == [(), ()]
    assert str(parts[1].config.scheduler_address) == "tcp://10.0.0.1:1"


@dataclasses.dataclass(frozen=True)
class WatcherConfig:
    """A section of a command that a test adds."""

    monitor_address: ZMQConfig = setting(aliases=("address",), help="where to look")  # noqa: RUF009  # as in sections


WATCHER = CommandDefinition(
    "watcher", "watcher", f"{__name__}:WatcherConfig", __name__, "Watch.", is_part=True, takes=("monitor_address",)
)


@pytest.mark.parametrize(
    ("line", "is_open"), [("", True), ('address = "tcp://h:5"', False), ('monitor_address = "tcp://h:5"', False)]
)
def test_a_command_that_is_added_takes_what_it_does_not_say_by_any_name(line, is_open, tmp_path):
    path = tmp_path / "stack.toml"
    path.write_text(f"{SCHEDULER}[watcher]\n{line}\n")
    (_, part), _ = stack_plan.plan(str(path), (*COMMANDS, WATCHER))
    assert part.open == (("monitor_address",) if is_open else ())
    assert is_open or str(part.config.monitor_address) == "tcp://h:5"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"stack.toml: nothing to start: expected one of the sections \[object_storage_server\], \[scheduler\]"),
        ("[schedular]\n", r"unknown section \[schedular\] \(did you mean scheduler\?\)"),
        ("[cluster]\n", r"\[cluster\]: Missing required configuration arguments: scheduler_address"),
        (SCHEDULER + "[cluster]\nnum_of_workers = -1\n", r"\[cluster\] num_of_workers = -1: expected a whole number"),
        (SCHEDULER + "cluster = 5\n", "Unknown configuration key"),
        ("cluster = 5\n" + SCHEDULER, "cluster must be a section, got 5"),
        ("scheduler_address = 1\n", r"unknown section \[scheduler_address\] \(did you mean"),
    ],
)
def test_wrong_files(text, message, plan):
    with pytest.raises(ConfigurationError, match=message):
        plan(text)


@pytest.mark.parametrize("arguments", [[], ["a.toml", "-c", "b.toml"]], ids=["none", "two"])
def test_one_file_is_expected(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        stack.main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "scaler: error: expected one configuration file, like: scaler example_config.toml (see scaler --help)\n"
    )


def test_a_missing_file_is_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        stack.main(["/nowhere.toml"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "scaler: error: Configuration file not found at: /nowhere.toml\n"
