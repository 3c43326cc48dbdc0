"""An object on its way into the object storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from scaler.protocol.codec import ObjectContentType
from scaler.utility.identifiers import ObjectID

if TYPE_CHECKING:
    from typing_extensions import Buffer


class NewObject(NamedTuple):
    """The id, the name and the bytes of an object that is to be announced and stored."""

    object_id: ObjectID
    name: bytes
    payload: Buffer | Sequence[Buffer]
    content_type: ObjectContentType = ObjectContentType.object
