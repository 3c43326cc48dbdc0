"""The serializer of clients that name no other: cloudpickle."""

from __future__ import annotations

import pickle
from typing import Any

import cloudpickle

from scaler.client.serializer.mixins import Serializer


class DefaultSerializer(Serializer):
    """Pickles by cloudpickle. Where exactly this class is used, large buffers additionally travel without copies."""

    @staticmethod
    def serialize(obj: Any) -> bytes:
        """Return the object's pickle, which holds functions and classes of ``__main__`` by value."""
        payload: bytes = cloudpickle.dumps(obj, protocol=pickle.HIGHEST_PROTOCOL)
        return payload

    @staticmethod
    def deserialize(payload: bytes) -> Any:
        """Return the unpickled object."""
        return pickle.loads(payload)
