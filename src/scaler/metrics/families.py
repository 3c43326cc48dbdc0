"""How metrics are described: a name, a help text, and one value, or one for each value of a label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from scaler.about import __version__


class FixedMetrics(Collector):
    """Metrics that have been computed already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def registry_of(*collectors: Collector) -> CollectorRegistry:
    """Return what one scrape shows."""
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    return registry


def gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help, value=value)


def counter(name: str, help: str, value: float) -> Metric:
    """Return a count since the start; the text of a scrape adds ``_total`` to its name."""
    return CounterMetricFamily(name, help, value=value)


def gauges_by(label: str, name: str, help: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, help, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def counters_by(label: str, name: str, help: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, help, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def build_info(name: str) -> Metric:
    """Return a metric that is always 1 and tells the version."""
    return gauges_by("version", name, "The version of Scaler that runs.", {__version__: 1})
