"""How values and failures become bytes between client and processor.

Values of the default serializer are pickles (first byte 0x80). When a value holds large buffers, pickle protocol 5
hands these out, and the value becomes an envelope of several buffers that are sent one behind the other:

    envelope := 01 00 00 00, buffer count (u32), pickle length (u64), buffer lengths (u64 each), pickle, buffers

with every buffer at a multiple of 64 bytes. Integers are little-endian. On arrival the objects view the received bytes:
they may write them, unless tasks share them. What a task returns of a shared array can be written where it arrives.
"""

from __future__ import annotations

import ctypes
import io
import pickle
import struct
import sys
import traceback
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, cast

import cloudpickle

from scaler.client.serializer.default import DefaultSerializer
from scaler.client.serializer.mixins import Serializer
from scaler.utility.exceptions import DeserializeObjectError, UnserializableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Buffer

INLINE_VALUE_BYTES: Final = 32 * 1024
"""The largest serialized argument or result that travels inside a message."""

INLINE_TASK_BYTES: Final = 128 * 1024
"""How many bytes of arguments one task message carries at most."""

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
_MAXIMUM_TRACEBACK_FRAMES: Final = 100


def serialize(serializer: Serializer, value: Any) -> bytes | list[Buffer]:
    """Return the value's payload: bytes, or several buffers to be sent one behind the other without joining them.

    The buffers may be the value's own memory: send or copy them before the value may change.
    """
    if type(serializer) is not DefaultSerializer:
        return serializer.serialize(value)
    kind = type(value)
    if kind in _PICKLE_OF_BYTES and len(value) >= _OUT_OF_BAND_BYTES:
        return [_PICKLE_OF_BYTES[kind] + len(value).to_bytes(8, "little"), value, _PICKLE_END]
    if kind in _PLAIN_TYPES:
        return pickle.dumps(value, _PROTOCOL)
    return _serialize_with_buffers(value)


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


def _serialize_with_buffers(value: Any) -> bytes | list[Buffer]:
    buffers: list[memoryview] = []
    has_shared = False

    def take_buffer(buffer: pickle.PickleBuffer) -> bool:
        nonlocal has_shared
        has_shared = has_shared or _shared_memory(buffer) is not None
        try:
            raw = buffer.raw()
        except BufferError:  # not contiguous: pickle copies it
            return True
        if raw.nbytes < _OUT_OF_BAND_BYTES:
            return True
        buffers.append(raw)
        return False

    file = io.BytesIO()
    cloudpickle.Pickler(file, protocol=_PROTOCOL, buffer_callback=take_buffer).dump(value)
    if has_shared:  # rare, and a pickler that looks at every object is slower
        buffers.clear()
        file = io.BytesIO()
        _UnsharingPickler(file, protocol=_PROTOCOL, buffer_callback=take_buffer).dump(value)
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


class _UnsharingPickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Pickles an array that is read-only because tasks share it like one that can be written."""

    def reducer_override(self, obj: Any) -> Any:
        """Return how a shared array is rebuilt; everything else is left to cloudpickle."""
        numpy = sys.modules.get("numpy")
        if numpy is not None and type(obj) is numpy.ndarray and not obj.flags.writeable and not obj.dtype.hasobject:
            shared = _shared_memory(obj)
            if shared is not None:
                memory = numpy.frombuffer(shared.obj, numpy.uint8)  # nothing is written: it is only pickled
                offset = obj.ctypes.data - memory.ctypes.data
                return numpy.ndarray(obj.shape, obj.dtype, memory, offset, obj.strides).__reduce_ex__(_PROTOCOL)
        return super().reducer_override(obj)


def _shared_memory(exporter: Any) -> memoryview | None:
    """Return the view through which ``deserialize`` made the exporter's memory read-only, if it did."""
    if isinstance(exporter, pickle.PickleBuffer):
        view = memoryview(exporter)
        if not view.readonly:
            return None
        exporter = view.obj
    while exporter is not None:
        if isinstance(exporter, memoryview):
            return exporter if exporter.readonly and not memoryview(exporter.obj).readonly else None
        exporter = getattr(exporter, "base", None)  # of an array, what its memory belongs to
    return None


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
    received = _writable(payload, view)
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


class _PyBuffer(ctypes.Structure):
    """Python's ``Py_buffer``."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


def _writable(payload: Buffer, view: memoryview) -> memoryview:
    """Return a writable view of a received payload, which nobody else uses, so that arrays in it can be changed.

    Without it the same array would be writable when it travels inside a message and read-only when it does not.
    """
    if not view.readonly:
        return view
    if isinstance(payload, (bytes, memoryview)):  # Python's own immutable bytes must never change
        return memoryview(bytearray(view))
    buffer = _PyBuffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(payload), ctypes.byref(buffer), 0)
    try:
        memory = (ctypes.c_ubyte * buffer.len).from_address(buffer.buf or 0)
    finally:
        ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))
    memory._owner = payload  # keeps the memory alive as long as any view of it
    return memoryview(memory).cast("B")


def serialize_failure(exception: BaseException) -> bytes:
    """Return a plain pickle of the exception with its traceback, cause and context. Never fails.

    What cannot be pickled, or not be loaded again here or there, arrives as ``UnserializableError`` with its text.
    """
    kind = f"{type(exception).__module__}.{type(exception).__qualname__}"
    text = _describe(exception)
    try:
        file = io.BytesIO()
        _FailurePickler(file, protocol=_PROTOCOL).dump(exception)
        inner = file.getvalue()
        if not isinstance(pickle.loads(inner), BaseException):
            raise TypeError("the exception's pickle makes something else")
    except Exception:  # whatever code of the exception's own class raised: its text is what is left to report
        inner = b""
    return pickle.dumps(_Failure(inner, kind, text), _PROTOCOL)


def deserialize_failure(payload: Buffer) -> BaseException:
    """Return the exception of a failed task. Never fails: what cannot be loaded becomes ``UnserializableError``."""
    try:
        exception = pickle.loads(memoryview(payload))
    except Exception as error:  # code of the exception's own class, or a damaged payload
        return UnserializableError(f"the failure of the task could not be loaded: {_describe(error)}")
    if isinstance(exception, BaseException):
        return exception
    return UnserializableError(f"the task failed with {type(exception).__name__}, which is not an exception")


class _Failure:
    """What ``serialize_failure`` pickles; loading it gives the exception itself."""

    def __init__(self, inner: bytes, kind: str, text: str) -> None:
        self._arguments = (inner, kind, text)

    def __reduce__(self) -> tuple[Callable[..., BaseException], tuple[bytes, str, str]]:
        return _restore_failure, self._arguments


def _restore_failure(inner: bytes, kind: str, text: str) -> BaseException:
    reason = "it cannot be pickled"
    if inner:
        try:
            exception: BaseException = pickle.loads(inner)
            return exception
        except Exception as error:  # for instance its module is missing here
            reason = f"loading it failed: {_describe(error).splitlines()[-1]}"
    return UnserializableError(f"the task raised {kind} ({reason}):\n{text}", type_name=kind, traceback_text=text)


def _describe(exception: BaseException) -> str:
    """Return the formatted traceback; the module copes with exceptions whose text cannot be made."""
    return "".join(traceback.format_exception(type(exception), exception, exception.__traceback__)).rstrip()


class _FailurePickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Pickles exceptions with their traceback, cause and context, and classes of ``__main__`` by value."""

    def reducer_override(self, obj: Any) -> Any:
        """Return how an exception is rebuilt; everything else is left to cloudpickle."""
        if not isinstance(obj, BaseException):
            return super().reducer_override(obj)
        reduced = obj.__reduce_ex__(_PROTOCOL)
        if not isinstance(reduced, tuple) or len(reduced) > 3:
            return reduced
        make, arguments = reduced[:2]
        if type(obj).__reduce__ is BaseException.__reduce__ and type(obj).__init__ is not BaseException.__init__:
            make, arguments = _new_exception, (type(obj), *arguments)  # its own __init__ may want other arguments
        own_state = reduced[2] if len(reduced) == 3 else None
        frames = _frames(obj.__traceback__)
        state = (own_state, obj.__cause__, obj.__context__, obj.__suppress_context__, frames)
        return make, arguments, state, None, None, _set_exception_state


def _new_exception(kind: type[BaseException], *arguments: Any) -> BaseException:
    return kind.__new__(kind, *arguments)


def _set_exception_state(exception: BaseException, state: tuple[Any, ...]) -> None:
    own_state, cause, context, suppress_context, frames = state
    if own_state is not None:
        exception.__setstate__(own_state)
    exception.__cause__ = cause
    exception.__context__ = context
    exception.__suppress_context__ = suppress_context
    exception.__traceback__ = _make_traceback(frames)


def _frames(trace: TracebackType | None) -> list[tuple[str, str, int]]:
    """Return (file, function, line) of the frames; of very deep ones only the first and the last."""
    frames = [(frame.f_code.co_filename, frame.f_code.co_name, line) for frame, line in traceback.walk_tb(trace)]
    if len(frames) > _MAXIMUM_TRACEBACK_FRAMES:
        half = _MAXIMUM_TRACEBACK_FRAMES // 2
        frames = [*frames[:half], *frames[-half:]]
    return frames


def _make_traceback(frames: list[tuple[str, str, int]]) -> TracebackType | None:
    if not frames:
        return None
    import tblib  # only needed where a task has failed

    node = None
    for file, function, line in reversed(frames):
        code = {"co_filename": file, "co_name": function}
        names = {"__file__": file, "__name__": "?"}
        frame = {"f_globals": names, "f_locals": {}, "f_code": code, "f_lineno": line}
        node = {"tb_frame": frame, "tb_lineno": line, "tb_next": node}
    result: TracebackType | None = tblib.Traceback.from_dict(node).as_traceback()
    return result
