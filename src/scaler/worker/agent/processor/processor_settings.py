"""What a processor is told at its start."""

from __future__ import annotations

from typing import NamedTuple

from scaler.worker.agent.processor.object_cache import CACHE_BYTES


class ProcessorSettings(NamedTuple):
    """The settings of one processor; the descriptors are passed to it under the same numbers."""

    processor_id: bytes
    agent_address: str
    gate_descriptor: int
    resume_descriptor: int
    scheduler_address: str
    object_storage_address: str
    preload: str | None = None
    garbage_collect_interval_seconds: float = 30.0
    trim_memory_threshold_bytes: int = 1024 * 1024 * 1024
    cache_bytes: int = CACHE_BYTES
    hard_suspend: bool = False
    isolated_arguments: bool = False
    capture_native_output: bool = False
    logging_paths: tuple[str, ...] = ("/dev/stdout",)
    logging_level: str = "INFO"
    logging_config_file: str | None = None
