"""What serves the metrics of one server process: readings of its statistics, and the HTTP server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import CollectorRegistry

from scaler.config.types.metrics_address import MetricsAddress
from scaler.metrics.families import FixedMetrics, registry_of
from scaler.metrics.http_server import MetricsServer
from scaler.metrics.readings import Readings

HEALTHY_SECONDS: Final = 2.0
"""How long a process that is well takes to answer, at most."""


class Exporter:
    """Serves from its construction to ``close``. Raise OSError when the address cannot be bound.

    ``read`` returns the statistics of the process with that id, or raises an Exception, in a thread of this object.
    """

    def __init__(
        self,
        address: MetricsAddress,
        read: Callable[[], Mapping[str, Any]],
        describe: Callable[[Mapping[str, Any]], Iterator[Metric]],
        prefix: str,
        pid: int,
    ) -> None:
        self._describe = describe
        # It looks at /proc when it is asked; a registry of its own keeps it from being made for each scrape.
        self._process = ProcessCollector(namespace=prefix, pid=lambda: pid, registry=None)
        self._server = MetricsServer(address, self._scrape)
        self._readings = Readings(read)
        self._server.start()

    @property
    def address(self) -> MetricsAddress:
        """The address with the port that is really bound."""
        return self._server.address

    def close(self) -> None:
        """End all threads; waits for a reading that is under way."""
        self._server.close()
        self._readings.close()

    def _scrape(self) -> CollectorRegistry:
        statistics = self._readings.latest(HEALTHY_SECONDS)
        return registry_of(FixedMetrics(self._describe(statistics)), self._process)
