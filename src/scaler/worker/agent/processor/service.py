"""What a processor is made of. Only what runs tasks is imported here; a test holds the list."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from scaler.io.ymq.ymq import Context, IOSocketType, Role, Socket
from scaler.protocol import codec
from scaler.utility.exceptions import UnserializableError
from scaler.utility.failures import serialize_failure
from scaler.worker.agent.processor.agent_link import AgentLink
from scaler.worker.agent.processor.memory_trimmer import MemoryTrimmer
from scaler.worker.agent.processor.object_cache import ObjectCache
from scaler.worker.agent.processor.prefetcher import Prefetcher
from scaler.worker.agent.processor.storage import Storage, connect_impatiently
from scaler.worker.agent.processor.task_loop import TaskLoop
from scaler.worker.agent.processor.task_objects import TaskObjects
from scaler.worker.agent.processor.task_runner import TaskRunner
from scaler.worker.agent.suspension import stand_still_on_demand
from scaler.worker.agent.task_gate import TaskGate

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaler.worker.agent.processor.processor import Processor
    from scaler.worker.agent.processor.processor_settings import ProcessorSettings

CONNECT_SECONDS: Final = 30.0


def serve(processor: Processor, settings: ProcessorSettings, preload: Callable[[], None]) -> None:
    """Connect to the agent, and run its tasks until the link ends."""
    gate = TaskGate.attach(settings.gate_descriptor)
    os.close(settings.gate_descriptor)  # children of tasks have no use for it
    os.set_inheritable(settings.resume_descriptor, False)
    stand_still_on_demand(settings.resume_descriptor, settings.hard_suspend)
    context = Context(1)
    socket = Socket(context, settings.processor_id, IOSocketType.Connector, role=Role.processor)
    socket.connect(settings.agent_address, CONNECT_SECONDS)
    preload()
    storage = Storage(settings.object_storage_address)
    cache = ObjectCache(settings.cache_bytes)
    trimmer = MemoryTrimmer(settings.garbage_collect_interval_seconds, settings.trim_memory_threshold_bytes)
    trimmer.start()

    def on_idle() -> float | None:
        cached = len(cache)
        look_again_seconds = cache.drop_unused()
        if len(cache) < cached:
            trimmer.on_work()  # its memory can be given back
        return look_again_seconds

    link = AgentLink(socket, on_idle)
    prefetcher = Prefetcher(link, cache, Storage(settings.object_storage_address, connect_impatiently))
    objects = TaskObjects(cache, storage, settings.isolated_arguments, prefetcher)
    runner = TaskRunner(objects, storage, link.send, settings.capture_native_output)

    def run_task(task: codec.Task) -> bytes:
        result = processor.run_task(task, runner.run)
        cache.on_task_end()
        trimmer.on_work()
        return result

    try:
        TaskLoop(link, gate, cache, run_task).run()
    finally:
        prefetcher.close()


def last_resort(task: codec.Task, error: BaseException) -> bytes:
    """Return the frame of a failure that needs nothing of the task's own."""
    failure = UnserializableError(f"the result of the task could not be made: {type(error).__name__}")
    return codec.TaskResult(
        task_id=task.task_id,
        result_type=codec.TaskResultType.failed,
        attempt=task.attempt,
        cause=codec.TaskEndCause.exception,
        value=serialize_failure(failure),
    ).encode()
