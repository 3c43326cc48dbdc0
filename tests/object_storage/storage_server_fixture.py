"""Real object storage servers for tests, each in a thread of the test on a free port."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scaler.object_storage.object_storage_server import ObjectStorageServer

DEADLINE_SECONDS = 10.0


class RunningServer:
    """A server that listens, and what it has logged."""

    def __init__(self, server: ObjectStorageServer, log: Path) -> None:
        self.server = server
        self.port = server.port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self._log = log

    def log(self) -> str:
        """Return everything logged so far."""
        return self._log.read_text()

    def gauges(self) -> dict[str, int]:
        """Return the sizes of the server's tables."""
        return self.server.gauges()

    def wait_for_gauge(self, name: str, value: int) -> None:
        """Wait until a gauge has a value; fail when it does not come to have it."""
        wait_until(lambda: self.gauges()[name] == value, lambda: f"{name} is {self.gauges()[name]}, not {value}")

    def wait_for_log(self, text: str) -> None:
        """Wait until something was logged."""
        wait_until(lambda: text in self.log(), lambda: f"{text!r} is not in the log:\n{self.log()}")


def wait_until(condition: Callable[[], bool], explain: Callable[[], str]) -> None:
    """Wait until a condition holds; fail with the explanation when it does not."""
    limit = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < limit, explain()
        time.sleep(0.005)


@contextmanager
def running_server(folder: Path, port: int = 0, **options: Any) -> Iterator[RunningServer]:
    """Run a server; its log lies in the folder."""
    log = folder / f"server_{time.monotonic_ns()}.log"
    server = ObjectStorageServer()
    thread = threading.Thread(
        target=server.run, args=("127.0.0.1", port), kwargs={"log_paths": (str(log),), "log_level": "DEBUG", **options}
    )
    thread.start()
    try:
        server.wait_until_ready(DEADLINE_SECONDS)
        yield RunningServer(server, log)
    finally:
        server.shutdown()
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive()
