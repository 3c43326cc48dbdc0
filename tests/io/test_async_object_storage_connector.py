"""The connector of event loops, against the real server."""

from __future__ import annotations

import asyncio
import socket

import pytest
from connector_fixture import FIRST, SECOND, THIRD, run, silent_server
from raw_storage_peer import object_id
from storage_server_fixture import running_server

from scaler.io.async_object_storage_connector import AsyncObjectStorageConnector
from scaler.utility.exceptions import ObjectStorageException, ObjectStorageFullError, ObjectStorageTimeoutError


def test_async_round_trip(server):
    async def body(connector: AsyncObjectStorageConnector) -> None:
        assert connector.address == server.address
        await connector.set_object(FIRST, [b"con", b"tent"])
        assert bytes(await connector.get_object(FIRST)) == b"content"
        assert bytes(await connector.get_object(FIRST, 3)) == b"con"
        await connector.duplicate_object_id(FIRST, SECOND)
        assert await connector.get_info_total() == (2, 1, 7)
        assert await connector.delete_objects([FIRST, FIRST]) == [True, False]
        assert await connector.delete_object(SECOND) is True
        await connector.set_object(THIRD, b"")
        assert len(await connector.get_object(THIRD)) == 0
        assert await connector.delete_owner(THIRD[:16]) is True
        assert await connector.delete_owner(THIRD[:16]) is False

    run(body, server.address)
    server.wait_for_gauge("connections", 0)


def test_async_many_calls_at_once(server):
    ids = [object_id(0)[:24] + number.to_bytes(8, "big") for number in range(3000)]

    async def body(connector: AsyncObjectStorageConnector) -> None:
        waiting = [asyncio.ensure_future(connector.get_object(identifier)) for identifier in ids[:100]]
        await connector.set_objects((identifier, identifier) for identifier in ids)
        assert [bytes(content) for content in await asyncio.gather(*waiting)] == ids[:100]
        assert [bytes(content) for content in await connector.get_objects(ids)] == ids
        assert await connector.delete_objects(ids[:-1]) == [True] * (len(ids) - 1)
        assert await connector.get_info_total() == (1, 1, 32)

    run(body, server.address)


def test_async_get_waits_while_others_go_on(server):
    async def body(connector: AsyncObjectStorageConnector) -> None:
        waiting = asyncio.ensure_future(connector.get_object(FIRST))
        await connector.set_object(SECOND, b"second")
        assert bytes(await connector.get_object(SECOND)) == b"second"
        assert not waiting.done()
        await connector.set_object(FIRST, b"first")
        assert bytes(await waiting) == b"first"

    run(body, server.address)


def test_async_errors(tmp_path):
    async def body(connector: AsyncObjectStorageConnector) -> None:
        with pytest.raises(ObjectStorageTimeoutError, match="did not exist"):
            await connector.get_object(FIRST, timeout_seconds=0.05)
        with pytest.raises(ObjectStorageFullError):
            await connector.set_object(FIRST, b"x" * 2000)
        with pytest.raises(ObjectStorageException, match="already connected"):
            await connector.connect("tcp://127.0.0.1:1")

    with running_server(tmp_path, memory_limit_bytes=1000) as server:
        run(body, server.address)


def test_async_silent_server_ends_calls_in_time():
    async def body(connector: AsyncObjectStorageConnector) -> None:
        for call in (connector.get_object(FIRST), connector.delete_object(FIRST), connector.set_object(FIRST, b"x")):
            with pytest.raises(ObjectStorageTimeoutError, match="no answer"):
                await call

    with silent_server() as silent:
        run(body, silent.address, timeout_seconds=0.1)


def test_async_end_of_the_connection_fails_everything_and_the_next_call_connects_anew(tmp_path):
    async def body(connector: AsyncObjectStorageConnector) -> None:
        waiting = [asyncio.ensure_future(connector.get_object(object_id(number))) for number in range(3)]
        await connector.get_info_total()
        stop.server.shutdown()
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(outcome, ObjectStorageException) and "connection lost" in str(outcome)
        assert not connector.is_connected
        with pytest.raises(ObjectStorageException, match="connect"):
            await connector.get_info_total()
        with running_server(tmp_path, stop.port):
            assert await connector.get_info_total() == (0, 0, 0)

    with running_server(tmp_path) as stop:
        run(body, stop.address, connect_timeout_seconds=0.5)


def test_async_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"

    async def main() -> None:
        connector = AsyncObjectStorageConnector(connect_timeout_seconds=0.3)
        with pytest.raises(ObjectStorageException, match="not connected"):
            await connector.get_info_total()
        for _ in range(2):
            with pytest.raises(ObjectStorageException, match=address):
                await connector.connect(address)
        await connector.close()
        with pytest.raises(ObjectStorageException, match="closed"):
            await connector.connect(address)

    asyncio.run(main())


def test_async_cancelled_call_leaves_the_connection_usable(server):
    async def body(connector: AsyncObjectStorageConnector) -> None:
        waiting = asyncio.ensure_future(connector.get_object(FIRST))
        await connector.get_info_total()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await connector.set_object(FIRST, b"first")
        assert bytes(await connector.get_object(FIRST)) == b"first"

    run(body, server.address)


def test_async_close_fails_what_waits(server):
    async def main() -> None:
        connector = AsyncObjectStorageConnector()
        await connector.connect(server.address)
        waiting = asyncio.ensure_future(connector.get_object(FIRST))
        await connector.get_info_total()
        await connector.close()
        await connector.close()
        assert connector.is_closed
        with pytest.raises(ObjectStorageException, match="closed"):
            await waiting
        with pytest.raises(ObjectStorageException, match="closed"):
            await connector.get_object(FIRST)

    asyncio.run(main())
    server.wait_for_gauge("connections", 0)
