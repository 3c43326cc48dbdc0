"""What a client knows of one callable: its name, its serialized form and its signature."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from scaler.client.call_signature import CallSignature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

_DIGEST_BYTES: Final = 16


class FunctionRecord:
    """One serialized callable. Two with the same digest have the same bytes."""

    __slots__ = ("digest", "name", "payload", "signature")

    def __init__(self, name: bytes, payload: bytes | Sequence[Buffer], signature: CallSignature) -> None:
        self.name = name
        self.payload = payload
        self.signature = signature
        self.digest = _digest(payload)


def _digest(payload: bytes | Sequence[Buffer]) -> bytes:
    parts = payload if isinstance(payload, (list, tuple)) else (payload,)
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        digest.update(part)
    return digest.digest()
