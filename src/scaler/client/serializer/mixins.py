"""The interface of serializers: how functions, arguments and results become bytes."""

from __future__ import annotations

import abc
from typing import Any


class Serializer(metaclass=abc.ABCMeta):
    """Turns objects into bytes and back. Workers get a pickled copy of the client's serializer.

    It is applied to the function, to each argument separately, and to the result; never to exceptions.
    """

    @staticmethod
    @abc.abstractmethod
    def serialize(obj: Any) -> bytes:
        """Return the bytes from which ``deserialize`` makes an equal object."""

    @staticmethod
    @abc.abstractmethod
    def deserialize(payload: bytes) -> Any:
        """Return the object that was serialized."""
