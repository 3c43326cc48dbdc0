"""How values become bytes between client and processor.

Values of the default serializer are pickles (first byte 0x80). When a value holds large buffers, pickle protocol 5
hands these out, and the value becomes an envelope of several buffers that are sent one behind the other:

    envelope := 01 00 00 00, buffer count (u32), pickle length (u64), buffer lengths (u64 each), pickle, buffers

with every buffer at a multiple of 64 bytes. Integers are little-endian. On arrival the objects view the received bytes:
they may write them, unless tasks share them. What a task returns of a shared array can be written where it arrives.
"""

from __future__ import annotations

import io
import pickle
import struct
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from scaler.client.serializer.default import DefaultSerializer
from scaler.client.serializer.mixins import Serializer
from scaler.utility.exceptions import DeserializeObjectError
from scaler.utility.interruption import is_interruption
from scaler.utility.pickler import Pickler
from scaler.utility.shared_arrays import UnsharingPickler, shared_memory, writable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

INLINE_VALUE_BYTES: Final = 32 * 1024
"""The largest serialized argument or result that travels inside a message."""

INLINE_TASK_BYTES: Final = 128 * 1024
"""How many bytes of arguments one task message carries at most."""

PICKLE_ERRORS: Final = (TypeError, pickle.PicklingError)
"""What pickle raises about a value that it cannot serialize, besides what code of the value raises."""

_PROTOCOL: Final = 5
_OUT_OF_BAND_BYTES: Final = 64 * 1024  # below this, a copy costs less than a buffer of its own
_ALIGNMENT: Final = 64
_ENVELOPE_HEAD: Final = struct.Struct("<4sIQ")
_ENVELOPE_MAGIC: Final = b"\x01\0\0\0"
_PLAIN_TYPES: Final = frozenset({int, float, str, bytes, bool, type(None)})
_PICKLE_OF_BYTES: Final[dict[type, bytes]] = {
    bytes: b"\x80\x05\x8e",
    bytearray: b"\x80\x05\x96",
}  # PROTO 5, BINBYTES8 or BYTEARRAY8
_PICKLE_END: Final = b"."


def serialize(serializer: Serializer, value: Any) -> bytes | list[Buffer]:
    """Return the value's payload: bytes, or several buffers to be sent one behind the other without joining them.

    The buffers may be the value's own memory: send or copy them before the value may change.
    """
    if type(serializer) is not DefaultSerializer:
        return _serialize_by(serializer, value)
    kind = type(value)
    if kind in _PICKLE_OF_BYTES and len(value) >= _OUT_OF_BAND_BYTES:
        return [_PICKLE_OF_BYTES[kind] + len(value).to_bytes(8, "little"), value, _PICKLE_END]
    if kind in _PLAIN_TYPES:
        return pickle.dumps(value, _PROTOCOL)
    return _serialize_with_buffers(value)


def serialize_as(what: str, serializer: Serializer, value: Any, remedy: str = "") -> bytes | list[Buffer]:
    """Return the value's payload. What pickle raises about it says what it is, and what would help."""
    try:
        return serialize(serializer, value)
    except Exception as error:
        raise_about(what, error, remedy)


def raise_about(what: str, error: Exception, remedy: str = "") -> NoReturn:
    """Raise what was raised about a value; what pickle raises says which value it is, and what would help."""
    if type(error) not in PICKLE_ERRORS or is_interruption(error):
        raise error
    raise type(error)(f"{what} cannot be serialized: {error}{remedy}") from error


def payload_size(payload: Buffer | Sequence[Buffer]) -> int:
    """Return the number of bytes of a payload."""
    if isinstance(payload, (list, tuple)):
        return sum(memoryview(part).nbytes for part in payload)
    return memoryview(cast("Buffer", payload)).nbytes


def deserialize(serializer: Serializer, payload: Buffer, is_shared: bool = False) -> Any:
    """Return the value. The payload must be the caller's alone: large arrays in the value view and may write it.

    With ``is_shared`` they view it read-only, so that nobody changes what others are given, too.
    """
    if type(serializer) is not DefaultSerializer:
        return serializer.deserialize(payload if isinstance(payload, bytes) else bytes(payload))
    view = memoryview(payload)
    if view.nbytes > 0 and view[0] == _ENVELOPE_MAGIC[0]:
        return _deserialize_envelope(payload, is_shared)
    return pickle.loads(view)


def _serialize_by(serializer: Any, value: Any) -> bytes:  # a typed one would be checked here, with another error
    payload = serializer.serialize(value)
    if not isinstance(payload, (bytes, bytearray, memoryview)):
        name = type(serializer).__name__
        raise TypeError(f"serialize of the serializer {name} must return bytes, but returned {type(payload).__name__}")
    return payload if type(payload) is bytes else bytes(payload)


def _serialize_with_buffers(value: Any) -> bytes | list[Buffer]:
    buffers: list[memoryview] = []
    has_shared = False

    def take_buffer(buffer: pickle.PickleBuffer) -> bool:
        nonlocal has_shared
        has_shared = has_shared or shared_memory(buffer) is not None
        try:
            raw = buffer.raw()
        except BufferError:  # not contiguous: pickle copies it
            return True
        if raw.nbytes < _OUT_OF_BAND_BYTES:
            return True
        buffers.append(raw)
        return False

    file = io.BytesIO()
    Pickler(file, protocol=_PROTOCOL, buffer_callback=take_buffer).dump(value)
    if has_shared:  # rare, and a pickler that looks at every object is slower
        buffers.clear()
        file = io.BytesIO()
        UnsharingPickler(file, protocol=_PROTOCOL, buffer_callback=take_buffer).dump(value)
    if not buffers:
        return file.getvalue()
    pickled = file.getbuffer()
    head = _ENVELOPE_HEAD.pack(_ENVELOPE_MAGIC, len(buffers), pickled.nbytes)
    lengths = struct.pack(f"<{len(buffers)}Q", *(buffer.nbytes for buffer in buffers))
    parts: list[Buffer] = [head + lengths, pickled]
    position = len(head) + len(lengths) + pickled.nbytes
    for buffer in buffers:
        padding = -position % _ALIGNMENT
        parts += [bytes(padding), buffer] if padding else [buffer]
        position += padding + buffer.nbytes
    return parts


def _deserialize_envelope(payload: Buffer, is_shared: bool) -> Any:
    view = memoryview(payload).cast("B")
    try:
        _, count, pickle_bytes = _ENVELOPE_HEAD.unpack_from(view)
        lengths = struct.unpack_from(f"<{count}Q", view, _ENVELOPE_HEAD.size)
    except struct.error as error:
        raise DeserializeObjectError(f"the head of a serialized value is damaged: {error}") from error
    position = _ENVELOPE_HEAD.size + 8 * count
    pickled = view[position : position + pickle_bytes]
    position += pickle_bytes
    received = writable(payload, view)
    if is_shared:
        received = received.toreadonly()
    buffers = []
    for length in lengths:
        position += -position % _ALIGNMENT
        buffers.append(received[position : position + length])
        position += length
    if position != view.nbytes:
        raise DeserializeObjectError(f"a serialized value has {view.nbytes} bytes where {position} were announced")
    return pickle.loads(pickled, buffers=buffers)
