"""A TCP proxy with faults for tests, run by an asyncio loop in a thread of its own.

Connections are made to ``proxy.port`` (or ``proxy.address``) and passed on to one target. The faults set on
``proxy.faults`` apply to every connection, those that exist included; what is counted, is counted per connection.
"""

import asyncio
import socket
import struct
import threading
from dataclasses import dataclass, field
from types import TracebackType


@dataclass
class Faults:
    """What goes wrong; the default is nothing."""

    delay_seconds: float = 0.0
    """Added before each piece is passed on."""
    bytes_per_second: float = 0.0
    """Limit of each direction of each connection; 0 is none."""
    piece_bytes: int = 65536
    """Passed on at most this many at a time."""
    cut_after_bytes: int = 0
    """Reset a connection once this many bytes passed in both directions together; 0 is never."""
    black_hole: bool = False
    """Pass nothing on and keep everything open."""
    refuse: bool = False
    """Reset new connections at once."""
    idle_drop_seconds: float = 0.0
    """Reset a connection on which nothing passed for this long; 0 is never."""


@dataclass(eq=False)
class _Connection:
    writers: list[asyncio.StreamWriter]
    passed_bytes: int = 0
    last_passed: float = 0.0
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    def reset(self) -> None:
        for writer in self.writers:
            connection = writer.get_extra_info("socket")
            if connection is not None and connection.fileno() >= 0:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class TcpProxy:
    """Pass connections on to ``host``:``port``; a context manager."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.faults = Faults()
        self.connections_made = 0
        self.port = 0
        self._target = (host, port)
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tcp-proxy", daemon=True)

    @classmethod
    def to_address(cls, address: str) -> "TcpProxy":
        """Return a proxy in front of a ``tcp://host:port`` address."""
        host, _, port = address.removeprefix("tcp://").rpartition(":")
        return cls(int(port), host)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def __enter__(self) -> "TcpProxy":
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def reset_all(self) -> None:
        """Reset all connections now."""

        async def reset() -> None:
            for connection in list(self._connections):
                connection.reset()

        asyncio.run_coroutine_threadsafe(reset(), self._loop).result(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()
        for connection in list(self._connections):
            connection.reset()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections_made += 1
        connection = _Connection([writer], last_passed=self._loop.time())
        if self.faults.refuse:
            connection.reset()
            return
        try:
            target_reader, target_writer = await asyncio.open_connection(*self._target)
        except OSError:
            connection.reset()
            return
        connection.writers.append(target_writer)
        self._connections.add(connection)
        connection.tasks = [
            asyncio.ensure_future(self._pass(connection, reader, target_writer)),
            asyncio.ensure_future(self._pass(connection, target_reader, writer)),
            asyncio.ensure_future(self._drop_when_idle(connection)),
        ]
        try:
            await asyncio.gather(*connection.tasks[:2], return_exceptions=True)
        finally:
            connection.tasks[2].cancel()
            self._connections.discard(connection)
            for each in connection.writers:
                each.close()

    async def _pass(self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await self._leave_black_hole()
                wanted = self.faults.piece_bytes
                if self.faults.cut_after_bytes:
                    wanted = max(1, min(wanted, self.faults.cut_after_bytes - connection.passed_bytes))
                data = await reader.read(wanted)
                await self._leave_black_hole()
                if self.faults.delay_seconds:
                    await asyncio.sleep(self.faults.delay_seconds)
                if self.faults.bytes_per_second:
                    await asyncio.sleep(len(data) / self.faults.bytes_per_second)
                if not data:
                    writer.write_eof()
                    return
                connection.passed_bytes += len(data)
                connection.last_passed = self._loop.time()
                writer.write(data)
                await writer.drain()
                if 0 < self.faults.cut_after_bytes <= connection.passed_bytes:
                    connection.reset()
                    return
        except OSError:
            connection.reset()

    async def _leave_black_hole(self) -> None:
        while self.faults.black_hole:  # noqa: ASYNC110 (set by another thread)
            await asyncio.sleep(0.005)

    async def _drop_when_idle(self, connection: _Connection) -> None:
        while True:
            await asyncio.sleep(0.02)
            limit = self.faults.idle_drop_seconds
            if limit and self._loop.time() - connection.last_passed > limit:
                connection.reset()
                return
