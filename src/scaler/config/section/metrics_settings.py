"""The setting that says where a server tells its metrics; the same for every server."""

from typing import Any

from scaler.config.setting import setting


def metrics_address_setting(whose: str = "") -> Any:
    return setting(
        default=None,
        default_text="no metrics",
        help=f"HOST:PORT to serve /metrics for Prometheus and /healthz{whose} at, by HTTP; port 0 is a free one",
    )
