"""Every exception of the product. Their module path is part of the protocol: peers exchange them by pickle."""

from __future__ import annotations

from typing import Any


class TaskNotFoundError(Exception):
    """Nobody knows the task."""


class TaskFailure(Exception):
    """A task failed for a reason that is not its own exception.

    ``attributes`` names what is known of the circumstances: host, pid, task_id, attempt, worker_id, signal, exit_code.
    """

    def __init__(self, message: str = "", **attributes: Any) -> None:
        super().__init__(message)
        self.attributes = attributes

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["attributes"][name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        further = {name: value for name, value in self.__dict__.items() if name != "attributes"}  # such as notes
        return _make_failure, (type(self), self.args[0], self.attributes), further or None


def _make_failure(kind: type[TaskFailure], message: str, attributes: dict[str, Any]) -> TaskFailure:
    return kind(message, **attributes)


class WorkerDiedError(TaskFailure):
    """The workers that ran the task were lost, and no attempt is left."""


class ProcessorDiedError(TaskFailure):
    """The processor that ran the task was killed or exited."""


class TaskTimeoutError(TaskFailure, TimeoutError):
    """One run of the task took longer than its limit."""


class TaskDeadlineError(TaskFailure, TimeoutError):
    """The task had not started by its deadline; the text says what it waited for."""


class TaskRejectedError(TaskFailure):
    """The scheduler refused the task."""


class UnserializableError(TaskFailure):
    """An exception or a result could not be moved; the text holds its type, message and traceback."""


class NoWorkerError(Exception):
    """No worker can run the task."""


class DeserializeObjectError(Exception):
    """A function, argument, result or serializer could not be decoded."""


class MissingObjects(Exception):
    """An object reference that this client does not know, or no longer."""


class DisconnectedError(ConnectionError, TimeoutError):
    """The connection to the scheduler is lost, or could not be made; the text names its address and the seconds."""


class SchedulerRefusedError(DisconnectedError):
    """The scheduler refused the connection; the text holds its reason."""


class ClientCancelledException(Exception):
    """The client was cancelled."""


class ClientShutdownException(Exception):
    """The cluster shuts down."""


class ClientQuitException(Exception):
    """The client has been stopped, and cannot be used any more."""


class ObjectStorageException(Exception):
    """The object storage server could not be reached or did not answer as it should."""


class ObjectStorageFullError(ObjectStorageException):
    """The object storage server has reached its configured memory limit."""


class ObjectStorageTimeoutError(ObjectStorageException, TimeoutError):
    """The object storage server did not answer in time, or the object did not come to exist in time."""
