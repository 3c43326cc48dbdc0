"""How the monitor stream calls the states of a task: the ordinals of ``TaskState`` in common.capnp."""

import enum


class MonitorState(enum.IntEnum):
    """The schema's ``TaskState``; its names are the enumerants that messages take."""

    inactive = 0
    running = 1
    canceling = 2
    balanceCanceling = 3
    success = 4
    failed = 5
    failedWorkerDied = 6
    canceled = 7
    canceledNotFound = 8
    balanceCanceled = 9
    workerDisconnecting = 10
