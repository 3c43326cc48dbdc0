"""Which part of Scaler runs on which system."""

from __future__ import annotations

import sys


def cluster_refusal() -> str | None:
    """Say why no part of a cluster runs on this system; None where it does. A client runs on others, too."""
    if sys.platform.startswith("linux"):
        return None
    return (
        f"scheduler, object storage server, workers and viewers run on Linux, and this system is {sys.platform}: "
        "start them on a Linux machine, and use scaler.Client with the scheduler's address here"
    )
