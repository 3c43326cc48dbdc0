"""A worker as its starter sees it: a process that runs the agent."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from scaler.utility.identifiers import WorkerID
from scaler.utility.process import ChildProcess
from scaler.worker.worker_settings import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    class Address(Protocol):
        """An address object of the configuration."""

        def to_address(self) -> str: ...


_EVENT_LOOPS = ("builtin", "uvloop")


class Worker(ChildProcess):
    """One slot that runs tasks. Its process ends with exit code 0 only when it was told to leave.

    SIGTERM and SIGINT let it leave at once, and its tasks run elsewhere. With ``drain_seconds`` above 0, the first
    SIGTERM lets it end what it has started and give the rest to other workers, for so long at most.
    """

    preparation = "scaler.worker.preparation:prepare"

    def __init__(
        self,
        event_loop: str,
        name: str,
        address: str | Address,
        object_storage_address: str | Address | None,
        preload: str | None,
        capabilities: Mapping[str, int],
        io_threads: int,
        task_queue_size: int,
        heartbeat_interval_seconds: float,
        garbage_collect_interval_seconds: float,
        trim_memory_threshold_bytes: int,
        task_timeout_seconds: float,
        death_timeout_seconds: float,
        hard_processor_suspend: bool,
        logging_paths: Iterable[str],
        logging_level: str,
        logging_config_file: str | None = None,
        isolated_arguments: bool = False,
        capture_native_output: bool = False,
        drain_seconds: float = 0.0,
    ) -> None:
        super().__init__(name="Agent")
        _check_event_loop(event_loop)
        if not 0 <= drain_seconds < float("inf"):
            raise ValueError(f"drain_seconds must be a number of seconds, 0 for none, got {drain_seconds!r}")
        self.drain_seconds = drain_seconds
        self._identity = WorkerID.generate_worker_id(name)
        self._settings = WorkerSettings(
            worker_id=self._identity,
            scheduler_address=_to_text(address),
            object_storage_address=None if object_storage_address is None else _to_text(object_storage_address),
            event_loop=event_loop,
            preload=preload,
            capabilities=dict(capabilities),
            io_threads=io_threads,
            task_queue_size=task_queue_size,
            heartbeat_interval_seconds=heartbeat_interval_seconds,
            garbage_collect_interval_seconds=garbage_collect_interval_seconds,
            trim_memory_threshold_bytes=trim_memory_threshold_bytes,
            task_timeout_seconds=task_timeout_seconds,
            death_timeout_seconds=death_timeout_seconds,
            hard_processor_suspend=hard_processor_suspend,
            isolated_arguments=isolated_arguments,
            capture_native_output=capture_native_output,
            drain_seconds=drain_seconds,
            logging_paths=tuple(logging_paths),
            logging_level=logging_level,
            logging_config_file=logging_config_file,
        )

    @property
    def identity(self) -> WorkerID:
        """The identity of the worker at its scheduler, known before the start."""
        return self._identity

    def run(self) -> None:
        """Be the agent until it leaves; called in the child."""
        # Imported here: who only starts workers needs none of it.
        from scaler.io.ymq.native_log import log_native_lines
        from scaler.utility.event_loop import run_in_event_loop
        from scaler.utility.logging.utility import setup_logger
        from scaler.worker.agent.agent import run_agent

        settings = self._settings
        setup_logger(settings.logging_paths, settings.logging_config_file, settings.logging_level)
        log_native_lines()
        exit_code = run_in_event_loop(settings.event_loop, run_agent(settings, self.prepared))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # it has left already
        if exit_code != 0:
            sys.exit(exit_code)


def _check_event_loop(event_loop: str) -> None:
    if event_loop not in _EVENT_LOOPS:
        raise TypeError(f"event_loop must be one of {', '.join(_EVENT_LOOPS)}, got {event_loop!r}")
    if event_loop == "uvloop":
        import uvloop  # noqa: F401  # the error is better raised here than in the child


def _to_text(address: str | Address) -> str:
    if isinstance(address, str):
        return address
    return address.to_address()
