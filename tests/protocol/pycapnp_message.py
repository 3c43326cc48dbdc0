"""Messages through pycapnp: a second opinion on what the native codecs write and read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scaler.protocol import capnp as schemas
from scaler.protocol.codec import CodecError, validate

if TYPE_CHECKING:
    from typing_extensions import Buffer

# A frame that was validated is finite; its reader may be read as often as its owner likes.
_NO_TRAVERSAL_LIMIT: Final = 2**64 - 1


def encode(member: str, **fields: Any) -> bytes:
    """Return the frame of a member of the union, with its fields; nested structs are dicts, lists are sequences.

    Raise CodecError when the schema has no such member or field, or a value does not fit.
    """
    from capnp import KjException

    try:
        frame: bytes = schemas.message.Message.new_message(**{member: _plain(fields)}).to_bytes()
    except (KjException, ValueError) as error:  # ValueError: text or bytes that have no encoding
        raise CodecError(f"cannot encode {member}: {_describe(error)}") from error
    return frame


def decode(frame: Buffer) -> tuple[str, Any]:
    """Return the name of the union's member and a reader of it, which keeps a copy of the frame alive.

    Raise CodecError when the frame is malformed anywhere: reading the fields does not fail later.
    """
    copy = bytes(frame)
    validate(copy)
    message = next(schemas.message.Message.read_multiple_bytes(copy, traversal_limit_in_words=_NO_TRAVERSAL_LIMIT))
    member: str = message.which()
    return member, getattr(message, member)


def _plain(value: Any) -> Any:
    """Return a value without the types of our identifiers, which pycapnp refuses although they are bytes."""
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _describe(error: Exception) -> str:
    """Return the first line of an error of the library; the lines behind it are addresses."""
    return str(error).split("\n", 1)[0]
