"""The settings of one worker, as its agent gets them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class WorkerSettings:
    """See the constructor of ``Worker``; addresses are text here. A time of 0 means none."""

    worker_id: bytes
    scheduler_address: str
    object_storage_address: str | None
    event_loop: str = "builtin"
    preload: str | None = None
    capabilities: dict[str, int] = field(default_factory=dict)
    io_threads: int = 1
    task_queue_size: int = 1000
    heartbeat_interval_seconds: float = 2.0
    garbage_collect_interval_seconds: float = 30.0
    trim_memory_threshold_bytes: int = 1024 * 1024 * 1024
    task_timeout_seconds: float = 0.0
    death_timeout_seconds: float = 300.0
    hard_processor_suspend: bool = False
    drain_seconds: float = 0.0
    isolated_arguments: bool = False
    capture_native_output: bool = False
    logging_paths: tuple[str, ...] = ("/dev/stdout",)
    logging_level: str = "INFO"
    logging_config_file: str | None = None
