"""What a user may ask of a task besides its call, checked and as it travels."""

from __future__ import annotations

import math
import numbers
from typing import Any, Final

import cloudpickle

_MOST_MILLISECONDS: Final = 2**32 - 1
_MOST_RETRIES: Final = 2**32 - 1
_PRIORITIES: Final = range(-(2**31), 2**31)
_AMOUNTS: Final = range(-(2**63), 2**63)


class TaskOptions:
    """The fields of a Task message that follow from the options; those at their defaults are left out."""

    __slots__ = ("fields",)

    def __init__(
        self,
        capabilities: dict[str, int] | None = None,
        priority: int = 0,
        timeout_seconds: float | None = None,
        retries: int = 0,
        retry_on: type[BaseException] | tuple[type[BaseException], ...] = (),
        deadline_seconds: float | None = None,
    ) -> None:
        """Check the options. Raise ValueError or TypeError, which names the option, its value and what was expected."""
        fields: dict[str, Any] = {}
        if capabilities:
            fields["capabilities"] = checked_capabilities(capabilities)
        if priority != 0:
            if not isinstance(priority, int) or priority not in _PRIORITIES:
                raise ValueError(f"priority must be an integer of 32 bits, but got {priority!r}")
            fields["priority"] = priority
        if timeout_seconds is not None:
            fields["timeout_milliseconds"] = _milliseconds("timeout_seconds", timeout_seconds)
        if deadline_seconds is not None:
            fields["deadline_milliseconds"] = _milliseconds("deadline_seconds", deadline_seconds)
        if retries != 0:
            if not isinstance(retries, int) or not 0 <= retries <= _MOST_RETRIES:
                raise ValueError(f"retries must be a number of further attempts, but got {retries!r}")
            fields["retries"] = retries
        types = retry_on if isinstance(retry_on, tuple) else (retry_on,)
        for kind in types:
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                raise TypeError(f"retry_on must be an exception type or a tuple of them, but got {kind!r}")
        if types:
            fields["retry_on"] = cloudpickle.dumps(types)
        self.fields = fields


def checked_capabilities(capabilities: dict[str, int]) -> dict[str, int]:
    """Return them. Raise TypeError or ValueError for what is not names with amounts."""
    wanted = 'capabilities must be names with whole amounts, such as {"gpu": 1}'
    if not isinstance(capabilities, dict):
        raise TypeError(f"{wanted}, but got {capabilities!r}")
    for name, amount in capabilities.items():
        if not isinstance(name, str) or not isinstance(amount, int):
            raise TypeError(f"{wanted}, but got {{{name!r}: {amount!r}}}")
        if amount not in _AMOUNTS:
            raise ValueError(f"{wanted} of 64 bits, but got {{{name!r}: {amount!r}}}")
    return capabilities


def _milliseconds(name: str, seconds: float) -> int:
    if not isinstance(seconds, numbers.Real):
        raise TypeError(f"{name} must be a number of seconds, but got {seconds!r}")
    if not 0 < seconds < math.inf:
        raise ValueError(f"{name} must be a positive number of seconds, but got {seconds!r}")
    return min(math.ceil(seconds * 1000), _MOST_MILLISECONDS)
