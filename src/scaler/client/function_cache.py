"""Serializes functions, once per function object where that is safe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from scaler.client.call_signature import CallSignature
from scaler.client.function_record import FunctionRecord
from scaler.client.function_stability import FunctionStability, is_pickled_by_name
from scaler.client.serializer.default import DefaultSerializer
from scaler.client.serializer.mixins import Serializer
from scaler.utility.serialization import payload_size, serialize_as

_MAXIMUM_ENTRIES: Final = 1024
_MAXIMUM_KEPT_BYTES: Final = 64 * 1024
_REMEDY: Final = (
    " (it is sent by value, with what it refers to; one that is defined in a module which workers can import "
    "is sent by its name)"
)


class FunctionCache:
    """Finds the record of a callable by the identity of the function object. Thread-safe, and bounded.

    An entry keeps its function alive, so that the identity cannot pass to another object.
    """

    def __init__(self, serializer: Serializer) -> None:
        self._serializer = serializer
        self._entries: dict[int, tuple[Any, FunctionStability, FunctionRecord]] = {}
        # what another serializer's output depends on is not known, so that nothing of it is reused
        self._is_enabled = type(serializer) is DefaultSerializer

    def __len__(self) -> int:
        return len(self._entries)

    def record(self, function: Callable[..., Any]) -> FunctionRecord:
        """Return the function's record as of now.

        Raise TypeError for what cannot be called, or the serializer's own error.
        """
        entry = self._entries.get(id(function))
        if entry is not None and entry[1].holds():
            return entry[2]
        stability = FunctionStability.of(function) if self._is_enabled else None
        record = self._make(function)
        if stability is not None and payload_size(record.payload) <= _MAXIMUM_KEPT_BYTES:
            if len(self._entries) >= _MAXIMUM_ENTRIES:
                self._entries.clear()
            self._entries[id(function)] = (function, stability, record)
        return record

    def _make(self, function: Callable[..., Any]) -> FunctionRecord:
        signature = CallSignature(function)
        name = getattr(function, "__name__", None)
        text = name if isinstance(name, str) else ""
        remedy = "" if is_pickled_by_name(function) else _REMEDY
        payload = serialize_as(f"function {text or repr(function)}", self._serializer, function, remedy)
        return FunctionRecord(text.encode(errors="replace"), payload, signature)
