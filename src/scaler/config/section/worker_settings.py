"""What the workers of a machine can be told; the same for every command that starts workers."""

from __future__ import annotations

from typing import Any

from scaler.config import defaults
from scaler.config.setting import seconds_setting, setting
from scaler.config.types.worker import WorkerCapabilities

_MOST_QUEUED = 2**31 - 1
_MOST_BYTES = 2**63 - 1
MOST_IO_THREADS = 256


def per_worker_capabilities_setting() -> Any:
    return setting(
        "-pwc",
        "-wc",
        aliases=("worker_capabilities",),
        default=WorkerCapabilities(),
        help="what each worker can do, like 'linux,cpu=8'",
    )


def per_worker_task_queue_size_setting(default: int = defaults.DEFAULT_PER_WORKER_QUEUE_SIZE) -> Any:
    return setting(
        "-wtqs",
        aliases=("worker_task_queue_size",),
        default=default,
        minimum=1,
        maximum=_MOST_QUEUED,
        help="tasks that one worker may hold, running ones included",
    )


def heartbeat_interval_seconds_setting() -> Any:
    return seconds_setting(
        "-hi",
        aliases=("heartbeat_interval",),
        default=defaults.DEFAULT_HEARTBEAT_INTERVAL_SECONDS,
        exclusive_minimum=0,
        help="period of the workers' signs of life",
    )


def task_timeout_seconds_setting() -> Any:
    return seconds_setting(
        "-tts",
        "-tt",
        default=defaults.DEFAULT_TASK_TIMEOUT_SECONDS,
        minimum=0,
        help="time that one task may take before it is stopped, 0 for no limit",
    )


def death_timeout_seconds_setting() -> Any:
    return seconds_setting(
        "-ds",
        "-dt",
        default=defaults.DEFAULT_WORKER_DEATH_TIMEOUT,
        exclusive_minimum=0,
        help="time without an answer of the scheduler after which a worker ends",
    )


def drain_seconds_setting() -> Any:
    return seconds_setting(
        "-dr",
        default=defaults.DEFAULT_DRAIN_SECONDS,
        minimum=0,
        help="time that SIGTERM leaves running tasks to end in, while those that wait move to other workers; "
        "0 lets all of them run again elsewhere at once, as SIGINT and a second SIGTERM do",
    )


def garbage_collect_interval_seconds_setting() -> Any:
    return seconds_setting(
        "-gc",
        default=defaults.DEFAULT_GARBAGE_COLLECT_INTERVAL_SECONDS,
        exclusive_minimum=0,
        help="period of garbage collection in processors",
    )


def trim_memory_threshold_bytes_setting() -> Any:
    return setting(
        "-tm",
        default=defaults.DEFAULT_TRIM_MEMORY_THRESHOLD_BYTES,
        minimum=0,
        maximum=_MOST_BYTES,
        help="memory of a processor from which it is given back to the system after a collection",
    )


def hard_processor_suspend_setting() -> Any:
    return setting(
        "-hps",
        default=defaults.DEFAULT_HARD_PROCESSOR_SUSPEND,
        help="suspend processors by stopping them (SIGSTOP) instead of asking them",
    )


def isolated_arguments_setting() -> Any:
    return setting(
        "-ia",
        default=defaults.DEFAULT_ISOLATED_ARGUMENTS,
        help="give each task a copy of its own of arguments that tasks share, which they then may change",
    )


def capture_native_output_setting() -> Any:
    return setting(
        "-cno",
        default=defaults.DEFAULT_CAPTURE_NATIVE_OUTPUT,
        help="stream what native code and subprocesses of a task print, too, for clients that want the output of tasks",
    )


def worker_io_threads_setting() -> Any:
    return setting(
        "-wit",
        "-it",
        aliases=("io_threads",),
        default=defaults.DEFAULT_IO_THREADS,
        minimum=1,
        maximum=MOST_IO_THREADS,
        help="threads of a worker that move messages",
    )


def event_loop_setting() -> Any:
    return setting(
        "-e",
        "-el",
        default=defaults.DEFAULT_EVENT_LOOP,
        choices=("builtin", "uvloop"),
        help="implementation of the asyncio loop",
    )
