"""The fixed byte layouts of the object storage protocol: headers of 80 bytes and object id messages of 48."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from scaler.utility.exceptions import ObjectStorageException

if TYPE_CHECKING:
    from typing_extensions import Buffer

    Payload = Buffer | Sequence[Buffer]

HEADER_BYTES: Final = 80
OBJECT_ID_BYTES: Final = 32
OWNER_HASH_BYTES: Final = 16
"""The first half of an object id, which all objects of one owner have in common."""
ALL_BYTES: Final = 2**64 - 1
"""As the maximum of a get: the whole object."""

_HEADER: Final = struct.Struct("<16sQQH2xI8s4Q")
_HEADER_PREFIX: Final = struct.pack("<IIIHH", 0, 9, 0, 3, 1)
_OBJECT_ID_POINTER: Final = struct.pack("<IHH", 0, 4, 0)
_OBJECT_ID_MESSAGE: Final = struct.Struct("<16s4Q")
_OBJECT_ID_MESSAGE_PREFIX: Final = struct.pack("<IIIHH", 0, 5, 0, 4, 0)
_OBJECT_ID_FIELDS: Final = struct.Struct(">4Q")


class RequestType(IntEnum):
    """What is asked of the server."""

    SET_OBJECT = 0
    GET_OBJECT = 1
    DELETE_OBJECT = 2
    DUPLICATE_OBJECT_ID = 3
    INFO_GET_TOTAL = 4
    DELETE_OWNER = 5


class ResponseType(IntEnum):
    """What the server answers."""

    SET_OK = 0
    GET_OK = 1
    DELETE_OK = 2
    DELETE_NOT_EXISTS = 3
    DUPLICATE_OK = 4
    INFO_GET_TOTAL_OK = 5
    STORAGE_FULL = 6
    TIMED_OUT = 7
    OVER_TCP = 8


def pack_header(
    object_id: bytes, payload_length: int, request_id: int, request_type: int, timeout_ms: int = 0
) -> bytes:
    """Return the 80 bytes of a header; requests and answers share the layout."""
    try:
        fields = _OBJECT_ID_FIELDS.unpack(object_id)
    except struct.error:
        raise ValueError(f"an object id has {OBJECT_ID_BYTES} bytes, but got {len(object_id)}") from None
    return _HEADER.pack(
        _HEADER_PREFIX, payload_length, request_id, request_type, timeout_ms, _OBJECT_ID_POINTER, *fields
    )


def unpack_header(frame: Buffer) -> tuple[bytes, int, int, int]:
    """Return object id, payload length, request id and type. Raise ObjectStorageException for another layout."""
    try:
        prefix, length, request_id, kind, _, pointer, *fields = _HEADER.unpack(frame)
    except struct.error:
        raise ObjectStorageException(f"malformed answer: a header of {memoryview(frame).nbytes} bytes") from None
    if prefix != _HEADER_PREFIX or pointer != _OBJECT_ID_POINTER:
        raise ObjectStorageException("malformed answer: not the header of an answer")
    return _OBJECT_ID_FIELDS.pack(*fields), length, request_id, kind


def pack_object_id_message(object_id: bytes) -> bytes:
    """Return the 48 bytes that name the original in a duplicate request."""
    return _OBJECT_ID_MESSAGE.pack(_OBJECT_ID_MESSAGE_PREFIX, *_OBJECT_ID_FIELDS.unpack(object_id))


def payload_size(payload: Payload) -> int:
    """Return the number of bytes of a buffer, or of the buffers of a list or tuple together."""
    if isinstance(payload, bytes):
        return len(payload)
    if isinstance(payload, list | tuple):
        return sum(payload_size(part) for part in payload)
    with memoryview(payload) as view:  # type: ignore[arg-type]  # every other sequence here is a buffer
        return view.nbytes
