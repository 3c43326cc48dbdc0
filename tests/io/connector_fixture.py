"""How tests use both connectors, and a peer that misbehaves."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from raw_storage_peer import frame, object_id

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "object_storage"))

from storage_server_fixture import DEADLINE_SECONDS, RunningServer

from scaler.io.async_object_storage_connector import AsyncObjectStorageConnector
from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector

FIRST, SECOND, THIRD = object_id(1), object_id(2), object_id(3)


@contextmanager
def connected(server: RunningServer, **options: Any) -> Iterator[SyncObjectStorageConnector]:
    with SyncObjectStorageConnector(server.address, **options) as connector:
        yield connector


class SilentServer:
    """Accepts, greets, and sends what a test wants."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            connection.sendall(frame(b"ObjectStorageServer"))

    def answer(self, answers: bytes) -> None:
        """Wait for a request behind the identity, then send."""
        received = b""
        while len(received) < 8 + 80:
            received += self._connections[0].recv(1 << 16)
        self._connections[0].sendall(answers)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(DEADLINE_SECONDS)
        for connection in self._connections:
            connection.close()


@contextmanager
def silent_server() -> Iterator[SilentServer]:
    silent = SilentServer()
    try:
        yield silent
    finally:
        silent.close()


def run(body: Callable[[AsyncObjectStorageConnector], Any], address: str, **options: Any) -> Any:
    """Run a coroutine function with a connected connector."""

    async def main() -> Any:
        connector = AsyncObjectStorageConnector(**options)
        await connector.connect(address)
        try:
            return await asyncio.wait_for(body(connector), 30)
        finally:
            await connector.close()

    return asyncio.run(main())
