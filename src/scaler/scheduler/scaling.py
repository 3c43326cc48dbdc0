"""The shell of scaling: looks once a second, and talks to worker adapters in tasks that nothing else waits for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from scaler.scheduler.controllers.scaling_controller import (
    AskInfo,
    DrainWorker,
    Effect,
    Request,
    ScalingController,
    StartGroup,
    StopGroup,
)
from scaler.scheduler.controllers.scaling_policies.cluster_load import ClusterLoad
from scaler.scheduler.controllers.scaling_policies.scaling_policy import ScalingPolicy
from scaler.scheduler.isolation import Isolation
from scaler.scheduler.webhook_client import AdapterError, AdapterFullError, WebhookClient

if TYPE_CHECKING:
    from scaler.config.section.scheduler import SchedulerConfig

LOOK_SECONDS: Final = 1.0


class Cluster(Protocol):
    """What scaling needs of the scheduler."""

    def cluster_load(self) -> ClusterLoad: ...
    def drain_workers(self, workers: Sequence[tuple[bytes, str]]) -> None: ...
    def set_worker_groups(self, groups: dict[str, list[bytes]]) -> None: ...


class Scaling:
    """Carries out what the controller decides. Used from the event loop only."""

    def __init__(
        self,
        config: SchedulerConfig,
        cluster: Cluster,
        isolation: Isolation,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._urls = config.adapter_webhook_urls
        self._token = config.adapter_webhook_token
        self._controller = ScalingController(ScalingPolicy(config.strategy))
        self._cluster = cluster
        self._isolation = isolation
        self._now = now
        self._clients: list[WebhookClient] = []
        self._requests: set[asyncio.Task[None]] = set()  # one for each adapter at most

    async def run(self) -> None:
        """Scale until cancelled."""
        async with contextlib.AsyncExitStack() as stack:
            for url in self._urls:
                self._clients.append(await stack.enter_async_context(WebhookClient(url, self._token)))
            try:
                while True:
                    self._isolation.attempt("scaling", self._look)
                    await asyncio.sleep(LOOK_SECONDS)
            finally:
                for request in self._requests:
                    request.cancel()
                await asyncio.gather(*self._requests, return_exceptions=True)

    def _look(self) -> None:
        effects = self._controller.on_tick(self._cluster.cluster_load(), self._now())
        self._cluster.set_worker_groups(
            {group.group_id: sorted(group.worker_ids) for group in self._controller.groups()}
        )
        draining = [(effect.worker_id, effect.reason) for effect in effects if isinstance(effect, DrainWorker)]
        if draining:
            self._cluster.drain_workers(draining)
        for effect in effects:
            self._begin(effect)

    def _begin(self, effect: Effect) -> None:
        if not isinstance(effect, DrainWorker):
            request = asyncio.get_running_loop().create_task(self._carry_out(effect))
            self._requests.add(request)
            request.add_done_callback(self._requests.discard)

    async def _carry_out(self, request: Request) -> None:
        try:
            event = await self._ask(request)
        except AdapterFullError as error:
            event = partial(self._controller.on_full, request.adapter, str(error), self._now())
        except AdapterError as error:
            event = partial(self._controller.on_failed, request, str(error), self._now())
        except Exception as error:  # of the outermost kind: an adapter that is never answered is never asked again
            self._isolation.failed(f"{request}")
            event = partial(self._controller.on_failed, request, repr(error), self._now())
        self._isolation.attempt("the answer of a worker adapter", event)
        self._isolation.attempt("scaling", self._look)

    async def _ask(self, request: Request) -> Callable[[], None]:
        """Return the event that the answer is."""
        client, number, controller = self._clients[request.adapter], request.adapter, self._controller
        if isinstance(request, AskInfo):
            return partial(controller.on_info, number, await client.get_info(), self._now())
        if isinstance(request, StartGroup):
            group_id, worker_ids = await client.start_group()
            return partial(controller.on_started, number, group_id, worker_ids, self._now())
        assert isinstance(request, StopGroup)
        await client.stop_group(request.group_id)
        return partial(controller.on_stopped, number, request.group_id)
