"""Scrapes like Prometheus does."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from scaler.config.types.metrics_address import MetricsAddress

DEADLINE_SECONDS = 30.0


def get(address: MetricsAddress | str, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Return the status and the text of an answer."""
    if isinstance(address, str):
        address = MetricsAddress.from_string(address)
    connection = http.client.HTTPConnection(address.host, address.port, timeout=DEADLINE_SECONDS)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def figures_of(text: str) -> dict[str, float]:
    """Return what a scrape says: ``name`` or ``name{label=value}`` with the value of each sample."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family
        for sample in family.samples:
            labels = ",".join(f"{label}={value}" for label, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def scrape(address: MetricsAddress | str) -> dict[str, float]:
    """Return the figures; one that has no time, on a busy machine, is asked again."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        status, text = get(address, "/metrics")
        if status == 200:
            return figures_of(text)
        assert status == 503, text
        assert time.monotonic() < deadline, text


def is_healthy(address: MetricsAddress | str) -> bool:
    """Return whether it says so, and not that it is unavailable."""
    status, text = get(address, "/healthz")
    assert (status, text) == (200, "ok\n") or status == 503, (status, text)
    return status == 200


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
