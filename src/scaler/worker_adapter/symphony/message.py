"""What travels to a service of Symphony and back: one array of bytes."""

from __future__ import annotations

import array
from typing import Any

import soamapi


class SoamMessage(soamapi.Message):  # type: ignore[misc]  # soamapi has no types
    """Bytes as a message; ``on_serialize`` and ``on_deserialize`` are called by the library."""

    def __init__(self, payload: bytes = b"") -> None:
        super().__init__()
        self.payload = payload

    def on_serialize(self, stream: Any) -> None:
        """Write the bytes, which the library wants signed."""
        stream.write_byte_array(array.array("b", self.payload), 0, len(self.payload))

    def on_deserialize(self, stream: Any) -> None:
        """Read the bytes."""
        self.payload = bytes(array.array("b", stream.read_byte_array("b")).tobytes())
