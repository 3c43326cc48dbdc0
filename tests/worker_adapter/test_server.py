"""The server of every adapter: where it listens, to whom, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from scaler.config.command_line import read_command_line
from scaler.config.section.native_worker_adapter import NativeWorkerAdapterConfig
from scaler.worker_adapter.common import AdapterDescription
from scaler.worker_adapter.server import serve_adapter


class NoAdapter:
    """Has no groups, and knows whether it was closed."""

    closed = False

    def info(self) -> AdapterDescription:
        return AdapterDescription(0, 1, {}, {})

    async def start_worker_group(self) -> tuple[str, list[str]]:
        raise AssertionError

    async def shutdown_worker_group(self, group_id: str) -> None:
        raise AssertionError

    async def close(self) -> None:
        self.closed = True


def serve(use: Callable[[str], None], *arguments: str) -> tuple[int, NoAdapter]:
    """Let the server of a command line be used at its URL, and end it by a signal."""
    config = read_command_line(
        NativeWorkerAdapterConfig, "p", "native_worker_adapter", "", ["tcp://127.0.0.1:1", *arguments]
    )
    adapter = NoAdapter()

    async def run() -> int:
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve_adapter(adapter, config, ready.set_result))
        await asyncio.wait([serving, ready], return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            await asyncio.to_thread(use, ready.result())
            os.kill(os.getpid(), signal.SIGTERM)
        return await serving

    return asyncio.run(run()), adapter


@pytest.mark.parametrize(
    ("numbers", "is_hurried"),
    [((signal.SIGTERM,), False), ((signal.SIGINT,), True), ((signal.SIGTERM, signal.SIGTERM), True)],
)
def test_sigint_and_a_second_signal_leave_no_time_to_drain(
    numbers: tuple[signal.Signals, ...], is_hurried: bool
) -> None:
    class DrainingAdapter(NoAdapter):
        """Drains until all signals have come."""

        async def close(self) -> None:
            for number in numbers[1:]:
                os.kill(os.getpid(), number)
                await hurried.wait()
            await super().close()

    hurried, adapter = asyncio.Event(), DrainingAdapter()
    line = ["tcp://127.0.0.1:1", "--host", "127.0.0.1", "--port", "0"]
    config = read_command_line(NativeWorkerAdapterConfig, "p", "native_worker_adapter", "", line)
    ready = lambda _url: os.kill(os.getpid(), numbers[0])  # noqa: E731
    assert asyncio.run(serve_adapter(adapter, config, ready, hurried)) == 0
    assert (adapter.closed, hurried.is_set()) == (True, is_hurried)


def status_of(url: str, **headers: str) -> int:
    request = urllib.request.Request(url, data=b'{"action": "get_worker_adapter_info"}', headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def test_the_token_of_the_command_line_is_asked_for() -> None:
    def use(url: str) -> None:
        assert status_of(url) == 401
        assert status_of(url, Authorization="Bearer secret") == 200

    status, adapter = serve(use, "--host", "127.0.0.1", "--port", "0", "--adapter-web-token", "secret")
    assert (status, adapter.closed) == (0, True)


def test_an_address_that_others_reach_is_warned_of_unless_there_is_a_token(caplog: pytest.LogCaptureFixture) -> None:
    serve(lambda _url: None, "--host", "0.0.0.0", "--port", "0", "--adapter-web-token", "secret")
    assert "set a token" not in caplog.text
    serve(lambda _url: None, "--host", "0.0.0.0", "--port", "0")
    assert "0.0.0.0 can be reached from other machines" in caplog.text and "set a token" in caplog.text


def test_a_port_in_use_is_named_with_its_settings(leftovers: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError) as raised:
            serve(lambda _url: None, "--host", "127.0.0.1", "--port", str(port))
    assert str(raised.value) == (
        f"adapter_web_host and adapter_web_port: cannot listen at 127.0.0.1:{port}: Address already in use; "
        "port 0 is a free one"
    )
