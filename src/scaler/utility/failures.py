"""How the failure of a task becomes bytes between processor and client, with traceback, cause and context."""

from __future__ import annotations

import contextlib
import io
import pickle
import traceback
from types import TracebackType, WrapperDescriptorType
from typing import TYPE_CHECKING, Any, Final

import cloudpickle

from scaler.utility.exceptions import UnserializableError
from scaler.utility.interruption import is_interruption

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

_PROTOCOL: Final = 5
_MAXIMUM_TRACEBACK_FRAMES: Final = 100


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
    except BaseException as error:  # code of the exception's own class, or a damaged payload
        if is_interruption(error):
            raise
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
        except BaseException as error:  # for instance its module is missing here
            if is_interruption(error):
                raise
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
    exception = kind.__new__(kind, *arguments)
    built_in: Any = kind
    while type(vars(built_in).get("__init__")) is not WrapperDescriptorType:
        built_in = built_in.__base__
    # UnicodeDecodeError, SyntaxError, SystemExit and others take from it what they are read by, besides ``args``
    with contextlib.suppress(TypeError):  # of arguments that never went to it, as a subclass may have others
        built_in.__init__(exception, *arguments)
    return exception


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
