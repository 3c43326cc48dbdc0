"""Every default value, by the name that programs import."""

import os

CLEANUP_INTERVAL_SECONDS = 1
STATUS_REPORT_INTERVAL_SECONDS = 1
PROFILING_INTERVAL_SECONDS = 1

DEFAULT_IO_THREADS = 1
DEFAULT_MAX_NUMBER_OF_TASKS_WAITING = -1
DEFAULT_WORKER_TIMEOUT_SECONDS = 60
DEFAULT_CLIENT_TIMEOUT_SECONDS = 60
DEFAULT_LOAD_BALANCE_SECONDS = 1
DEFAULT_LOAD_BALANCE_TRIGGER_TIMES = 2
DEFAULT_PER_WORKER_QUEUE_SIZE = 1000
_PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
# One processor is left to the scheduler and the client; a machine with a single one still gets a worker.
DEFAULT_NUMBER_OF_WORKER = max(1, _PROCESSORS - 1)
DEFAULT_HEARTBEAT_INTERVAL_SECONDS = 2
DEFAULT_OBJECT_RETENTION_SECONDS = 60
DEFAULT_GARBAGE_COLLECT_INTERVAL_SECONDS = 30
DEFAULT_TRIM_MEMORY_THRESHOLD_BYTES = 1024**3
DEFAULT_TASK_TIMEOUT_SECONDS = 0
DEFAULT_PROCESSOR_KILL_DELAY_SECONDS = 3
DEFAULT_WORKER_DEATH_TIMEOUT = 300
DEFAULT_DRAIN_SECONDS = 0
DEFAULT_HARD_PROCESSOR_SUSPEND = False
DEFAULT_ISOLATED_ARGUMENTS = False
DEFAULT_CAPTURE_NATIVE_OUTPUT = False
DEFAULT_RESTART_WORKERS = False
DEFAULT_EVENT_LOOP = "builtin"
DEFAULT_LOGGING_LEVEL = "INFO"
DEFAULT_LOGGING_PATHS = ("/dev/stdout",)

LONGEST_SECONDS = 10**9
"""About 31 years: what clocks, sockets and the wire can hold, and more than anybody waits for."""

CAPNP_DATA_SIZE_LIMIT = 2**29 - 1
CAPNP_MESSAGE_SIZE_LIMIT = 2**64 - 1

MONITOR_PORT_OFFSET = 2
"""A scheduler publishes its state at its own port plus this, unless told otherwise; see ``derived_addresses``."""

OBJECT_STORAGE_PORT_OFFSET = 1
"""The object storage of a scheduler listens at the scheduler's port plus this, unless told otherwise."""

DEFAULT_WEB_HOST = "127.0.0.1"
DEFAULT_WEB_PORT = 50001
