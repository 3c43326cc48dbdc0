"""The serializer of clients that name no other: cloudpickle."""

from __future__ import annotations

import pickle
from typing import Any

from scaler.client.serializer.mixins import Serializer
from scaler.utility.pickler import dumps


class DefaultSerializer(Serializer):
    """Pickles by cloudpickle. Where exactly this class is used, large buffers additionally travel without copies."""

    @staticmethod
    def serialize(obj: Any) -> bytes:
        """Return the object's pickle, which holds functions and classes of ``__main__`` by value."""
        return dumps(obj, pickle.HIGHEST_PROTOCOL)

    @staticmethod
    def deserialize(payload: bytes) -> Any:
        """Return the unpickled object."""
        return pickle.loads(payload)
