"""Somebody who looks at one tab of the web UI: gets all that a browser gets, and draws nothing.

    python -m monitored.viewer http://127.0.0.1:50001 "Worker Task Stream"

Says ``ready`` when it has the page and has chosen the tab, ends with its standard input, and then says how many
messages and bytes have come.
It speaks what NiceGUI's own script does: Socket.IO in a web socket.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import re
import sys
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import aiohttp

Take: TypeAlias = Callable[[list[dict[str, Any]]], None]

_ACKNOWLEDGE_SECONDS = 3.0
_SOCKET = "/_nicegui_ws/socket.io/"


@dataclasses.dataclass
class Traffic:
    """What has come once the tab was chosen, and how often the UI has closed the connection, as it does in need."""

    messages: int = 0
    bytes: int = 0
    closed: int = 0


class _Viewer:
    """A page and its web socket. ``take`` gets the elements of each update that comes once the tab is chosen."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, client_id: str, tab: str, take: Take, traffic: Traffic
    ) -> None:
        self._traffic = traffic
        self._socket = socket
        self._client_id = client_id
        self._tab = tab
        self._take = take
        self._next_message_id = 0
        self._tab_chosen = False

    async def look(self) -> None:
        """Take what comes, until cancelled. Raise ConnectionError when the UI ends that."""
        async for message in self._socket:
            text = str(message.data)
            if text == "2":
                await self._socket.send_str("3")  # a ping, and its answer
            elif text.startswith("0"):
                await self._socket.send_str("40")
            elif text.startswith("40"):
                await self._say("handshake", self._greeting(), request="0")
            elif text.startswith("42"):
                if self._tab_chosen:
                    self._traffic.bytes += len(message.data)
                    self._traffic.messages += 1
                await self._on_event(*json.loads(text[2:]))
        raise ConnectionError("the web UI has closed the connection")

    async def acknowledge(self) -> None:
        """Say from time to time what has come, so that the UI need not keep it; until cancelled."""
        while True:
            await asyncio.sleep(_ACKNOWLEDGE_SECONDS)
            await self._say("ack", {"client_id": self._client_id, "next_message_id": self._next_message_id})

    def _greeting(self) -> dict[str, Any]:
        ids = {"client_id": self._client_id, "document_id": str(uuid.uuid4()), "tab_id": str(uuid.uuid4())}
        return ids | {"old_tab_id": None, "next_message_id": 0}

    async def _on_event(self, name: str, content: dict[str, Any]) -> None:
        self._next_message_id = int(content.get("_id", self._next_message_id - 1)) + 1
        if name != "update":
            return
        elements = [element for element in content.values() if isinstance(element, dict)]
        if self._tab_chosen:
            self._take(elements)
        else:
            await self._choose_tab(content)

    async def _choose_tab(self, elements: dict[str, Any]) -> None:
        for number, element in elements.items():
            if isinstance(element, dict) and element.get("tag") == "q-tabs":
                (listener,) = (each["listener_id"] for each in element["events"])
                target = {"id": int(number), "client_id": self._client_id, "listener_id": listener}
                await self._say("event", target | {"args": [json.dumps(self._tab)]})
                self._tab_chosen = True
                self._take([])

    async def _say(self, name: str, content: dict[str, Any], request: str = "") -> None:
        await self._socket.send_str(f"42{request}{json.dumps([name, content])}")


async def look_at(url: str, tab: str, ended: Awaitable[Any], take: Take, traffic: Traffic) -> None:
    """Look until something has ended, and count what comes. ``take`` gets an empty list when the tab is chosen.

    Raise ConnectionError when the UI closes the connection.
    """
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            found = re.search(r"""["']?client_id["']?:\s*["']([^"']+)""", await answer.text())
        if found is None:
            raise ValueError(f"the page at {url} is not one of NiceGUI")
        query = {"EIO": "4", "transport": "websocket", "client_id": found[1]}
        async with session.ws_connect(f"{url}{_SOCKET}", params=query, max_msg_size=0) as socket:
            viewer = _Viewer(socket, found[1], tab, take, traffic)
            work = [asyncio.ensure_future(viewer.look()), asyncio.ensure_future(viewer.acknowledge())]
            done, _ = await asyncio.wait([*work, asyncio.ensure_future(ended)], return_when=asyncio.FIRST_COMPLETED)
            for task in work:
                task.cancel()
            for task in done:
                task.result()


async def _look_until_input_ends(url: str, tab: str) -> Traffic:
    told: list[bool] = []
    traffic = Traffic()

    def tell(_elements: list[dict[str, Any]]) -> None:
        if not told:
            told.append(True)
            print("ready", flush=True)

    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    while not ended.done():
        with contextlib.suppress(ConnectionError):  # the page is opened anew then, as a browser does
            await look_at(url, tab, ended, tell, traffic)
        traffic.closed += not ended.done()
    return traffic


def main() -> None:
    """Read the command line and look."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("url", help="of the web UI")
    parser.add_argument("tab", help="which, by its title")
    options = parser.parse_args()
    traffic = asyncio.run(_look_until_input_ends(options.url, options.tab))
    print(json.dumps(dataclasses.asdict(traffic)), flush=True)


if __name__ == "__main__":
    main()
