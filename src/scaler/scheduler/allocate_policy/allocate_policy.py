"""The names of the placement policies."""

import enum


class AllocatePolicy(enum.Enum):
    """Which workers may run a task: any (``even``), or those that offer its capabilities (``capability``)."""

    even = "even"
    capability = "capability"
