"""Tasks that are malformed where nobody looks before they are decoded."""

from __future__ import annotations

from scaler.protocol import codec


def unreadable(task: codec.Task) -> bytes:
    """Return the frame of a task, damaged so that it can be peeked at and not be decoded. It has keyword names."""
    whole = task.encode()
    for position in range(len(whole) - 1, 0, -1):
        frame = whole[:position] + b"\x7f" + whole[position + 1 :]
        if _is_peeked_alike(frame, whole) and not _is_readable(frame):
            return frame
    raise AssertionError("every part of a task is peeked at")


def _is_peeked_alike(frame: bytes, whole: bytes) -> bool:
    try:
        return codec.peek_task(frame) == codec.peek_task(whole)
    except codec.CodecError:
        return False


def _is_readable(frame: bytes) -> bool:
    try:
        codec.decode(frame)
    except codec.CodecError:
        return False
    return True
