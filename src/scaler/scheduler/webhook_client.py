"""Talks to one worker adapter over its webhook (docs/scaling.md), and checks what it says."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Final

import aiohttp

from scaler.scheduler.controllers.scaling_policies.worker_group import AdapterInfo

INFO_TIMEOUT_SECONDS: Final = 10.0
CHANGE_TIMEOUT_SECONDS: Final = 60.0
"""How long a start or a stop of a group may take: a cloud takes its time until it has accepted one."""
_LONGEST_ANSWER_BYTES: Final = 16 << 20
_SHOWN_CHARACTERS: Final = 200
_OK, _NOT_FOUND, _TOO_MANY_REQUESTS = 200, 404, 429


class AdapterError(Exception):
    """A request failed: no connection, no answer in time, an error as status, or an answer that makes no sense."""


class AdapterFullError(AdapterError):
    """The adapter is at its limit."""


class WebhookClient:
    """A context manager, used from one event loop. Nothing but AdapterError comes out of its requests."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session = aiohttp.ClientSession(headers=headers)

    async def get_info(self) -> AdapterInfo:
        """Return what the adapter is."""
        _, answer = await self._ask("get_worker_adapter_info", INFO_TIMEOUT_SECONDS)
        limit = _whole(answer, "max_worker_groups", None)
        capabilities = answer.get("base_capabilities", {})
        if not isinstance(capabilities, dict) or not all(isinstance(value, int) for value in capabilities.values()):
            raise AdapterError(f"base_capabilities must be names with numbers, got {_show(capabilities)}")
        groups = answer.get("worker_groups")
        if groups is not None and not (isinstance(groups, dict) and all(_is_text(name) for name in groups)):
            raise AdapterError(f"worker_groups must be ids with lists of workers, got {_show(groups)}")
        return AdapterInfo(
            max_worker_groups=None if limit is None or limit < 0 else limit,
            workers_per_group=_whole(answer, "workers_per_group", 1) or 1,
            base_capabilities=capabilities,
            groups=None if groups is None else {name: _worker_ids(ids) for name, ids in groups.items()},
        )

    async def start_group(self) -> tuple[str, frozenset[bytes]]:
        """Start a group, and return its id and those of its workers. Raise AdapterFullError when there is no room."""
        _, answer = await self._ask("start_worker_group", CHANGE_TIMEOUT_SECONDS)
        group_id = answer.get("worker_group_id")
        if not isinstance(group_id, str) or not _is_text(group_id):
            raise AdapterError(f"worker_group_id must be a text, got {_show(group_id)}")
        return group_id, _worker_ids(answer.get("worker_ids"))

    async def stop_group(self, group_id: str) -> None:
        """Stop a group; one that the adapter does not know is stopped already."""
        await self._ask(
            "shutdown_worker_group", CHANGE_TIMEOUT_SECONDS, accepted=(_OK, _NOT_FOUND), worker_group_id=group_id
        )

    async def __aenter__(self) -> WebhookClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def _ask(
        self, action: str, timeout_seconds: float, accepted: tuple[int, ...] = (_OK,), **fields: str
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and the body of the answer."""
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        try:
            async with self._session.post(
                self._url, json={"action": action, **fields}, timeout=timeout, allow_redirects=False
            ) as response:
                body = await _read(response.content)
        except asyncio.TimeoutError:
            raise AdapterError(f"{self._url} did not answer {action} within {timeout_seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AdapterError(f"{self._url}: {error or type(error).__name__}") from None
        answer = _decoded(body)
        if response.status not in accepted or (response.status == _NOT_FOUND and "error" not in answer):
            # A 404 without our body is that of another server, or another path: no statement about a group.
            kind = AdapterFullError if response.status == _TOO_MANY_REQUESTS else AdapterError
            raise kind(f"{self._url} answered {action} with {response.status}: {answer.get('error') or _show(body)}")
        if response.status == _OK and not answer:
            raise AdapterError(f"{self._url} answered {action} with what is no JSON object: {_show(body)}")
        return response.status, answer


async def _read(stream: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for chunk in stream.iter_chunked(1 << 16):
        body += chunk
        if len(body) > _LONGEST_ANSWER_BYTES:
            raise ValueError(f"the answer is longer than {_LONGEST_ANSWER_BYTES} bytes")
    return bytes(body)


def _decoded(body: bytes) -> dict[str, Any]:
    """Return the JSON object, an empty one when it is none."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _whole(answer: dict[str, Any], key: str, default: int | None) -> int | None:
    value = answer.get(key, default)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise AdapterError(f"{key} must be a whole number, got {_show(value)}")
    return value


def _worker_ids(value: Any) -> frozenset[bytes]:
    if not isinstance(value, list) or not value or not all(_is_text(each) for each in value):
        raise AdapterError(f"worker_ids must be a list of texts, got {_show(value)}")
    return frozenset(each.encode() for each in value)


def _is_text(value: Any) -> bool:
    """Return whether it is a text that UTF-8 can write, which JSON does not promise."""
    return isinstance(value, str) and value != "" and value == value.encode(errors="replace").decode()


def _show(value: Any) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
