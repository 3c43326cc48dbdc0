"""A session with Symphony, made when it is first needed and made again when it was lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import cloudpickle
import soamapi

from scaler.worker_adapter.symphony.callback import SoamCallback
from scaler.worker_adapter.symphony.message import SoamMessage

SESSION_TYPE = "RecoverableAllHistoricalData"
SESSION_NAME = "ScalerSession"


class SoamSession:
    """Sends calls to a service. Any thread may use it; all methods may block, and raise what the library raises."""

    def __init__(self, service_name: str) -> None:
        soamapi.initialize()
        self._service_name = service_name
        self._lock = threading.Lock()
        self._callback = SoamCallback()
        self._session: Any = None
        self._connection: Any = None

    def submit(self, function: Callable[..., Any], arguments: Sequence[Any]) -> Future[Any]:
        """Let the service call a function: it loads ``(function, *arguments)`` and answers with the pickled result."""
        attributes = soamapi.TaskSubmissionAttributes()
        attributes.set_task_input(SoamMessage(cloudpickle.dumps((function, *arguments))))
        session, callback = self.open()
        return callback.send(lambda: session.send_task_input(attributes).get_id())

    def open(self) -> tuple[Any, SoamCallback]:
        """Connect, unless there is a session that works, and return it with its callback."""
        with self._lock:
            if self._session is None or self._callback.is_broken:
                self._callback = SoamCallback()
                security = soamapi.DefaultSecurityCallback("Guest", "Guest")
                self._connection = soamapi.connect(self._service_name, security)
                attributes = soamapi.SessionCreationAttributes()
                attributes.set_session_type(SESSION_TYPE)
                attributes.set_session_name(SESSION_NAME)
                attributes.set_session_flags(soamapi.SessionFlags.PARTIAL_ASYNC)
                attributes.set_session_callback(self._callback)
                self._session = self._connection.create_session(attributes)
            return self._session, self._callback

    def fail(self, reason: str) -> None:
        """Fail everything that is under way."""
        self._callback.fail(reason)
