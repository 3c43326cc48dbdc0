"""The metrics of an object storage server, made of its statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from prometheus_client.metrics_core import Metric

from scaler.metrics.families import build_info, counter, counters_by, gauge

PREFIX: Final = "scaler_object_storage"


def storage_metrics(statistics: Mapping[str, Any]) -> Iterator[Metric]:
    """Return metrics of ``ObjectStorageServer.statistics``."""
    yield build_info(f"{PREFIX}_build_info")
    yield gauge(f"{PREFIX}_connections", "Open connections.", statistics["connections"])
    yield gauge(f"{PREFIX}_objects", "Objects, by their ids.", statistics["ids"])
    yield gauge(f"{PREFIX}_contents", "Different contents of objects that are held.", statistics["contents"])
    yield gauge(f"{PREFIX}_content_bytes", "Bytes of all contents.", statistics["content_bytes"])
    yield gauge(
        f"{PREFIX}_waiting_requests",
        "Gets and duplicates that wait for an object that does not exist yet.",
        statistics["waiting_requests"],
    )
    yield counters_by("type", f"{PREFIX}_requests", "Requests.", statistics["requests"])
    yield counters_by("type", f"{PREFIX}_answers", "Answers.", statistics["answers"])
    yield counter(f"{PREFIX}_stored_bytes", "Payloads that were stored.", statistics["stored_bytes"])
    yield counter(f"{PREFIX}_answered_bytes", "Payloads of answers.", statistics["answered_bytes"])
    yield counter(
        f"{PREFIX}_refused_connections",
        "Connections that were ended because their peers broke the rules of the protocol.",
        statistics["refused_connections"],
    )
