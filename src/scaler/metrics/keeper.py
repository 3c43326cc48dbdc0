"""Keeps the process that serves the metrics of a scheduler: starts it, again when it has ended, and ends it."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Final

from scaler.cluster.readiness import ProcessStartError
from scaler.cluster.supervision import describe_exit
from scaler.config.types.metrics_address import MetricsAddress
from scaler.config.types.zmq import ZMQConfig, ZMQType
from scaler.metrics.scheduler_exporter import LoggingSettings, SchedulerMetricsProcess
from scaler.utility.network_util import advertised_host, is_loopback

_RESTART_SECONDS: Final = 1.0


class MetricsKeeper:
    """Used by the scheduler's event loop. ``start`` waits until metrics are served, ``close`` for nothing."""

    def __init__(self, address: MetricsAddress, scheduler_address: str, logging_settings: LoggingSettings) -> None:
        self._address = address
        self._logging_settings = logging_settings
        self._scheduler_address = _address_to_connect_to(scheduler_address)
        self._process: SchedulerMetricsProcess | None = None
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> MetricsAddress:
        """Return the address that is really bound, which stays. Raise ProcessStartError when it cannot be."""
        self._start_process()
        assert self._process is not None
        self._address = self._process.address
        logging.info("Scheduler: listen to metrics address http://%s/metrics", self._address)
        if not is_loopback(self._address.host):
            logging.warning("Scheduler: %s can be reached from other machines, without authentication", self._address)
        self._keeping = asyncio.get_running_loop().create_task(self._keep())
        return self._address

    async def close(self) -> None:
        """End the process, which has nothing to lose; idempotent."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._process is not None:
            self._process.close()

    def _start_process(self) -> None:
        process = SchedulerMetricsProcess(self._address, self._scheduler_address, os.getpid(), self._logging_settings)
        process.start()
        self._process = process

    async def _keep(self) -> None:
        while True:
            if self._process is not None:
                await _end_of(self._process)
                self._process.join(0)
                logging.error("Scheduler: the metrics ended, %s: starting anew", describe_exit(self._process.exitcode))
                self._process.close()
                self._process = None
            await asyncio.sleep(_RESTART_SECONDS)
            try:
                await asyncio.to_thread(self._start_process)
            except (ProcessStartError, OSError) as error:
                logging.error("Scheduler: the metrics cannot be started: %s", error)


async def _end_of(process: SchedulerMetricsProcess) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    sentinel = process.sentinel
    loop.add_reader(sentinel, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(sentinel)


def _address_to_connect_to(bound_address: str) -> str:
    bound = ZMQConfig.from_string(bound_address)
    if bound.type is not ZMQType.tcp:
        return bound_address
    return ZMQConfig(bound.type, advertised_host(bound.host), bound.port).to_address()
