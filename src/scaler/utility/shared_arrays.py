"""Arrays whose memory belongs to somebody else: how they become writable, and pickles that do not say they are not."""

from __future__ import annotations

import ctypes
import pickle
import sys
from typing import TYPE_CHECKING, Any, Final

from scaler.utility.pickler import Pickler

if TYPE_CHECKING:
    from typing_extensions import Buffer

_PROTOCOL: Final = 5


class UnsharingPickler(Pickler):
    """Pickles an array that is read-only because tasks share it like one that can be written."""

    def reducer_override(self, obj: Any) -> Any:
        """Return how a shared array is rebuilt; everything else is left to cloudpickle."""
        numpy = sys.modules.get("numpy")
        if numpy is not None and type(obj) is numpy.ndarray and not obj.flags.writeable and not obj.dtype.hasobject:
            shared = shared_memory(obj)
            if shared is not None:
                memory = numpy.frombuffer(shared.obj, numpy.uint8)  # nothing is written: it is only pickled
                offset = obj.ctypes.data - memory.ctypes.data
                return numpy.ndarray(obj.shape, obj.dtype, memory, offset, obj.strides).__reduce_ex__(_PROTOCOL)
        return super().reducer_override(obj)


def shared_memory(exporter: Any) -> memoryview | None:
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


def writable(payload: Buffer, view: memoryview) -> memoryview:
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
