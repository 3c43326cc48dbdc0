"""Codec of the cold messages; any member of the union will do. Convenient, and slower than that of the hot ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scaler.protocol import codec

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Struct:
    """A decoded struct: its fields are attributes, enums are their names, lists are lists."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        try:
            return _readable(self._fields[name])
        except KeyError:
            raise AttributeError(f"the struct has no field {name!r}") from None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, nested structs as dictionaries."""
        return self._fields

    def __repr__(self) -> str:
        return f"Struct({self._fields!r})"


def encode(member: str, **fields: Any) -> bytes:
    """Return the frame of a member of the union, with its fields; nested structs are dicts, lists are sequences.

    Raise CodecError when the schema has no such member or field, or a value does not fit.
    """
    try:
        return codec.encode_any(member, fields)
    except (codec.CodecError, TypeError, ValueError) as error:
        raise codec.CodecError(f"cannot encode {member}: {error}") from error


def decode(frame: Buffer) -> tuple[str, Struct]:
    """Return the name of the union's member and its fields. Raise CodecError when the frame is malformed anywhere."""
    member, fields = codec.decode_any(frame)
    return member, Struct(fields)


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return Struct(value)
    if isinstance(value, list):
        return [_readable(element) for element in value]
    return value
