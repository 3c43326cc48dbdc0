"""The table of the commands: what each is called, which section it reads, and whether ``scaler`` can start it.

Everything is named by text, so that a command loads only what is its own. See CONTRIBUTING.md, "Adding a command".
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class CommandDefinition:
    """One command. Its entry point is a module with ``main(arguments) -> int``.

    When ``scaler`` starts it as a part of a stack, the module has ``start(stack, config)`` as well, which starts its
    processes in the ``Stack`` and returns the real addresses named in ``gives``. Settings named in ``takes`` are taken
    from such addresses of parts before it when the file does not say them.
    """

    program: str
    section: str
    config: str
    entry_point: str
    description: str
    is_part: bool = False
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()

    @property
    def config_class(self) -> Any:
        """The dataclass of the section's settings."""
        module, _, name = self.config.partition(":")
        return getattr(importlib.import_module(module), name)

    @property
    def module(self) -> Any:
        """The module of the entry point."""
        return importlib.import_module(self.entry_point)

    def read(self, arguments: Sequence[str] | None) -> Any:
        """Return the configuration, or end the process with code 2 and one line that says what is wrong."""
        from scaler.config.command_line import read_command_line

        sections = [command.section for command in COMMANDS]
        return read_command_line(self.config_class, self.program, self.section, self.description, arguments, sections)


# In the order in which ``scaler`` starts them.
COMMANDS: Final = (
    CommandDefinition(
        program="scaler_object_storage_server",
        section="object_storage_server",
        config="scaler.config.section.object_storage_server:ObjectStorageServerConfig",
        entry_point="scaler.entry_points.object_storage_server",
        description="Run an object storage server: it keeps the arguments and results of tasks.",
        is_part=True,
        gives=("object_storage_address",),
    ),
    CommandDefinition(
        program="scaler_scheduler",
        section="scheduler",
        config="scaler.config.section.scheduler:SchedulerConfig",
        entry_point="scaler.entry_points.scheduler",
        description="Run a scheduler: it gives the tasks of clients to workers.",
        is_part=True,
        takes=("object_storage_address",),
        gives=("scheduler_address", "monitor_address"),
    ),
    CommandDefinition(
        program="scaler_cluster",
        section="cluster",
        config="scaler.config.section.cluster:ClusterConfig",
        entry_point="scaler.entry_points.cluster",
        description="Run workers on this machine, for a scheduler anywhere.",
        is_part=True,
        takes=("scheduler_address",),
    ),
    CommandDefinition(
        program="scaler_worker_adapter_native",
        section="native_worker_adapter",
        config="scaler.config.section.native_worker_adapter:NativeWorkerAdapterConfig",
        entry_point="scaler.entry_points.worker_adapter_native",
        description="Start and stop workers on this machine for a scheduler that asks for them.",
        is_part=True,
        takes=("scheduler_address",),
    ),
    CommandDefinition(
        program="scaler_worker_adapter_ecs",
        section="ecs_worker_adapter",
        config="scaler.config.section.ecs_worker_adapter:ECSWorkerAdapterConfig",
        entry_point="scaler.entry_points.worker_adapter_ecs",
        description="Start and stop workers on Amazon ECS for a scheduler that asks for them.",
        is_part=True,
        takes=("scheduler_address",),
    ),
    CommandDefinition(
        program="scaler_worker_adapter_symphony",
        section="symphony_worker_adapter",
        config="scaler.config.section.symphony_worker_adapter:SymphonyWorkerConfig",
        entry_point="scaler.entry_points.worker_adapter_symphony",
        description="Run tasks in IBM Spectrum Symphony for a scheduler that asks for it.",
        is_part=True,
        takes=("scheduler_address",),
    ),
    CommandDefinition(
        program="scaler_top",
        section="top",
        config="scaler.config.section.top:TopConfig",
        entry_point="scaler.entry_points.top",
        description="Show workers, clients and tasks of a cluster in the terminal.",
    ),
    CommandDefinition(
        program="scaler_ui",
        section="webui",
        config="scaler.config.section.webui:WebUIConfig",
        entry_point="scaler.entry_points.webui",
        description="Show a cluster in the browser: workers, tasks, graphs, clients.",
        is_part=True,
        takes=("monitor_address",),
    ),
)


def command_of_section(section: str) -> CommandDefinition:
    """Return the command that reads a section."""
    return next(command for command in COMMANDS if command.section == section)
