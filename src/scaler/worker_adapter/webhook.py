"""The HTTP interface of worker adapters (docs/scaling.md): one path, one method, JSON both ways."""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from scaler.worker_adapter.common import CapacityExceededError, WorkerAdapter, WorkerGroupNotFoundError

_logger = logging.getLogger(__name__)

_LONGEST_REQUEST_BYTES: Final = 1 << 16


class _RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Webhook:
    """Answers the requests for one adapter; with a token only those that carry it."""

    def __init__(self, adapter: WorkerAdapter, token: str | None = None) -> None:
        self._adapter = adapter
        self._token = token
        self._actions: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "get_worker_adapter_info": self._get_info,
            "start_worker_group": self._start,
            "shutdown_worker_group": self._shutdown,
        }

    def application(self) -> web.Application:
        """Return the web application."""
        application = web.Application(client_max_size=_LONGEST_REQUEST_BYTES)
        application.router.add_post("/", self._on_post)
        return application

    async def _on_post(self, request: web.Request) -> web.Response:
        try:
            self._check_token(request)
            fields = await _read(request)
            action = self._actions.get(_text_of(fields, "action", "No action specified"))
            if action is None:
                raise _RefusedError(400, f"Unknown action {fields['action']!r}, known: {', '.join(self._actions)}")
            return web.json_response(await action(fields))
        except _RefusedError as refusal:
            return _error(refusal.status, str(refusal))
        except CapacityExceededError as error:
            return _error(429, str(error))
        except WorkerGroupNotFoundError as error:
            return _error(404, str(error))
        except web.HTTPException:  # too long, for instance
            raise
        except Exception as error:  # of the outermost kind: whatever a cloud's library raises
            _logger.exception("a request failed")
            return _error(500, " ".join(f"{type(error).__name__}: {error}".split()))

    async def _get_info(self, fields: dict[str, Any]) -> dict[str, Any]:
        info = self._adapter.info()
        return {
            "max_worker_groups": info.max_worker_groups,
            "workers_per_group": info.workers_per_group,
            "base_capabilities": dict(info.base_capabilities),
            "worker_groups": dict(info.groups),
        }

    async def _start(self, fields: dict[str, Any]) -> dict[str, Any]:
        group_id, worker_ids = await self._adapter.start_worker_group()
        _logger.info("worker group %s started: %s", group_id, ", ".join(worker_ids))
        return {"status": "Worker group started", "worker_group_id": group_id, "worker_ids": worker_ids}

    async def _shutdown(self, fields: dict[str, Any]) -> dict[str, Any]:
        group_id = _text_of(fields, "worker_group_id", "No worker_group_id specified")
        await self._adapter.shutdown_worker_group(group_id)
        _logger.info("worker group %s shut down", group_id)
        return {"status": "Worker group shutdown"}

    def _check_token(self, request: web.Request) -> None:
        if self._token is None:
            return
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            raise _RefusedError(401, "the header 'Authorization: Bearer TOKEN' is missing or wrong")


async def _read(request: web.Request) -> dict[str, Any]:
    try:
        fields = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise _RefusedError(400, f"the body is not valid JSON: {error}") from None
    if not isinstance(fields, dict):
        raise _RefusedError(400, f"the body must be a JSON object, got {type(fields).__name__}")
    return fields


def _text_of(fields: dict[str, Any], key: str, missing: str) -> str:
    value = fields.get(key)
    if value is None or value == "":
        raise _RefusedError(400, missing)
    if not isinstance(value, str):
        raise _RefusedError(400, f"{key} must be a text, got {value!r}")
    return value


def _error(status: int, text: str) -> web.Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return web.json_response({"error": text}, status=status, headers=headers)
