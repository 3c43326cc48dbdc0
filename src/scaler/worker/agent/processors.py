"""Starts, watches and kills the processor processes of an agent."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import TYPE_CHECKING

from scaler.utility.identifiers import ProcessorID
from scaler.worker.agent.prepared_processor import PreparedProcessor, Reserve
from scaler.worker.agent.processor.processor import Processor
from scaler.worker.agent.processor.processor_settings import ProcessorSettings
from scaler.worker.agent.suspension import Suspension

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaler.worker.agent.task_gate import TaskGate
    from scaler.worker.worker_settings import WorkerSettings


class Processors:
    """The living processors by identity. The kernel tells the loop at once when one ends."""

    def __init__(
        self,
        settings: WorkerSettings,
        agent_address: str,
        loop: asyncio.AbstractEventLoop,
        on_exit: Callable[[bytes, int | None], None],
        prepared: PreparedProcessor | None = None,
    ) -> None:
        self._settings = settings
        self._agent_address = agent_address
        self._loop = loop
        self._on_exit = on_exit
        self._reserve = Reserve(loop, prepared)
        self._any_ended = False
        self._living: dict[bytes, Processor] = {}
        self._suspensions: dict[bytes, Suspension] = {}

    def __len__(self) -> int:
        return len(self._living)

    def start(self, object_storage_address: str) -> tuple[bytes, int, TaskGate]:
        """Start a processor and return its identity, process id and gate. Raise OSError when the system refuses."""
        prepared = self._reserve.take()
        gate, settings = prepared.gate, self._settings
        processor = Processor(
            ProcessorSettings(
                processor_id=bytes(ProcessorID.generate_processor_id()),
                agent_address=self._agent_address,
                gate_descriptor=gate.fileno(),
                resume_descriptor=prepared.resume_descriptor,
                scheduler_address=settings.scheduler_address,
                object_storage_address=object_storage_address,
                preload=settings.preload,
                garbage_collect_interval_seconds=settings.garbage_collect_interval_seconds,
                trim_memory_threshold_bytes=settings.trim_memory_threshold_bytes,
                hard_suspend=settings.hard_processor_suspend,
                isolated_arguments=settings.isolated_arguments,
                capture_native_output=settings.capture_native_output,
                logging_paths=settings.logging_paths,
                logging_level=settings.logging_level,
                logging_config_file=settings.logging_config_file,
            )
        )
        processor.start(interpreter=prepared.interpreter)
        assert processor.pid is not None
        self._living[processor.processor_id] = processor
        self._suspensions[processor.processor_id] = Suspension(
            processor.pid, prepared.resume_descriptor, settings.hard_processor_suspend
        )
        self._loop.add_reader(processor.sentinel, self._on_sentinel, processor)
        if self._any_ended:  # as one may again
            self._reserve.fill_soon()
        return processor.processor_id, processor.pid, gate

    def suspend(self, processor_id: bytes) -> None:
        """Let the task of a processor stand still; do nothing when it has ended."""
        if (suspension := self._suspensions.get(processor_id)) is not None:
            suspension.suspend()

    def resume(self, processor_id: bytes) -> None:
        """Let the task of a suspended processor go on; do nothing when it has ended."""
        if (suspension := self._suspensions.get(processor_id)) is not None:
            suspension.resume()

    def kill(self, processor_id: bytes, reason: str = "") -> None:
        """Kill a processor and the processes its tasks have started in its session; do nothing when it has ended.

        The log says the reason, if there is one.
        """
        processor = self._living.get(processor_id)
        if processor is None or processor.pid is None or not processor.is_alive():
            return
        if reason:
            logging.warning("processor %s %s; it is killed", processor.pid, reason)
        try:
            os.killpg(processor.pid, signal.SIGKILL)
        except ProcessLookupError:
            processor.kill()  # it has left the group it was started in

    def kill_all(self) -> None:
        """Kill every processor."""
        for processor_id in list(self._living):
            self.kill(processor_id)

    def close(self) -> None:
        """Kill, reap and forget every processor."""
        self._reserve.close()
        self.kill_all()
        for processor in self._living.values():
            self._loop.remove_reader(processor.sentinel)
            processor.close()
        for suspension in self._suspensions.values():
            suspension.close()
        self._living.clear()
        self._suspensions.clear()

    def _on_sentinel(self, processor: Processor) -> None:
        self._loop.remove_reader(processor.sentinel)
        exit_code = processor.exitcode
        processor.close()
        self._any_ended = True
        del self._living[processor.processor_id]
        self._suspensions.pop(processor.processor_id).close()
        logging.info("processor %s ended, exit code %s", processor.pid, exit_code)
        self._on_exit(processor.processor_id, exit_code)
