"""How failures of tasks travel."""

from __future__ import annotations

import pickle
import threading
import traceback
from typing import Any

import pytest

from scaler.utility.exceptions import ProcessorDiedError, UnserializableError
from scaler.utility.failures import deserialize_failure, serialize_failure


class NeedsTwoArguments(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class WrongByte(UnicodeDecodeError):
    def __init__(self, position: int) -> None:
        super().__init__("ascii", b"\xff" * 5, position, position + 1, "wrong byte")
        self.position = position


class TellsNoReason(UnicodeDecodeError):
    def __init__(self, position: int) -> None:
        self.position = position


class HoldsLock(Exception):
    def __init__(self) -> None:
        super().__init__("holds a lock")
        self.lock = threading.Lock()


class CannotBePrinted(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class WrongReduction(Exception):
    def __reduce__(self) -> Any:
        return (WrongReduction, (1, 2), None, None, None, None, None)


class LoadsOnlyWhereMade(Exception):
    is_here = True

    def __reduce__(self) -> Any:
        return _load_where_made, ()


def _load_where_made() -> BaseException:
    if not LoadsOnlyWhereMade.is_here:
        raise ModuleNotFoundError("No module named 'only_there'")
    return LoadsOnlyWhereMade()


def raised(exception: BaseException) -> BaseException:
    def thrower() -> None:
        raise exception

    try:
        thrower()
    except BaseException as error:
        return error
    raise AssertionError


def test_failure_is_a_plain_pickle_of_the_exception() -> None:
    failure = pickle.loads(serialize_failure(raised(ValueError("bad", 7))))
    assert type(failure) is ValueError
    assert failure.args == ("bad", 7)


def test_traceback_arrives() -> None:
    failure = deserialize_failure(serialize_failure(raised(ValueError("bad"))))
    names = [frame.name for frame in traceback.extract_tb(failure.__traceback__)]
    assert names == ["raised", "thrower"]


def test_cause_and_context_arrive_with_their_tracebacks() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as error:
        failure = deserialize_failure(serialize_failure(error))
    assert isinstance(failure.__cause__, KeyError)
    assert failure.__cause__ is failure.__context__
    assert failure.__cause__.__traceback__ is not None
    assert failure.__suppress_context__


def test_very_deep_traceback_is_shortened() -> None:
    def descend(depth: int) -> None:
        if depth == 0:
            raise ValueError("deep")
        descend(depth - 1)

    with pytest.raises(ValueError, match="deep") as info:
        descend(600)
    failure = deserialize_failure(serialize_failure(info.value))
    assert len(traceback.extract_tb(failure.__traceback__)) == 100


def test_exception_with_its_own_constructor_keeps_its_class() -> None:
    failure = deserialize_failure(serialize_failure(raised(NeedsTwoArguments(3, "text"))))
    assert isinstance(failure, NeedsTwoArguments)
    assert (failure.code, failure.args) == (3, ("text",))


@pytest.mark.parametrize(
    ("error", "names"),
    [
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), ("encoding", "object", "start", "end", "reason")),
        (UnicodeEncodeError("ascii", "\xff", 0, 1, "invalid"), ("encoding", "object", "start", "end", "reason")),
        (UnicodeTranslateError("\xff", 0, 1, "invalid"), ("object", "start", "end", "reason")),
        (SyntaxError("invalid", ("file.py", 3, 4, "a b")), ("msg", "filename", "lineno", "offset", "text")),
        (SystemExit(3), ("code",)),
        (StopIteration(4), ("value",)),
        (WrongByte(3), ("object", "start", "position")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_built_in_exceptions_keep_beside_their_arguments_arrives(
    error: BaseException, names: tuple[str, ...]
) -> None:
    failure = deserialize_failure(serialize_failure(raised(error)))
    assert (type(failure), str(failure), failure.args) == (type(error), str(error), error.args)
    assert [getattr(failure, name) for name in names] == [getattr(error, name) for name in names]


def test_exception_whose_built_in_class_was_told_nothing_keeps_its_class() -> None:
    failure = deserialize_failure(serialize_failure(raised(TellsNoReason(3))))
    assert isinstance(failure, TellsNoReason)
    assert failure.position == 3


def test_class_defined_in_a_function_arrives() -> None:
    class Local(Exception):
        pass

    failure = deserialize_failure(serialize_failure(raised(Local("here"))))
    assert type(failure).__name__ == "Local"
    assert failure.args == ("here",)


def test_exception_that_refers_to_itself_arrives() -> None:
    error = ValueError("loop")
    error.__cause__ = KeyError("inner")
    error.__cause__.__context__ = error
    failure = deserialize_failure(serialize_failure(error))
    assert failure.__cause__ is not None
    assert failure.__cause__.__context__ is failure


def test_own_exceptions_keep_their_attributes() -> None:
    failure = deserialize_failure(serialize_failure(ProcessorDiedError("died", signal="SIGKILL", pid=7)))
    assert isinstance(failure, ProcessorDiedError)
    assert (failure.signal, failure.pid) == ("SIGKILL", 7)


def test_notes_on_own_exceptions_arrive() -> None:
    error = ProcessorDiedError("died", pid=7)
    error.__dict__["__notes__"] = ["while it ran step 3"]  # as add_note does, which Python 3.10 does not have
    for failure in (deserialize_failure(serialize_failure(raised(error))), pickle.loads(pickle.dumps(error))):
        assert isinstance(failure, ProcessorDiedError)
        assert (str(failure), failure.pid, failure.__notes__) == ("died", 7, ["while it ran step 3"])


@pytest.mark.parametrize("error", [HoldsLock(), WrongReduction("x")], ids=lambda error: type(error).__name__)
def test_exception_that_cannot_be_pickled_arrives_as_its_text(error: Exception) -> None:
    failure = deserialize_failure(serialize_failure(raised(error)))
    assert isinstance(failure, UnserializableError)
    assert type(error).__name__ in str(failure)
    assert "in thrower" in str(failure)


def test_exception_whose_text_cannot_be_made_arrives() -> None:
    assert isinstance(deserialize_failure(serialize_failure(raised(CannotBePrinted()))), CannotBePrinted)


def test_exception_that_only_the_receiver_cannot_load_arrives_as_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = serialize_failure(raised(LoadsOnlyWhereMade("reason")))
    monkeypatch.setattr(LoadsOnlyWhereMade, "is_here", False)
    failure = deserialize_failure(payload)
    assert isinstance(failure, UnserializableError)
    assert "only_there" in str(failure)
    assert "LoadsOnlyWhereMade: reason" in str(failure)


@pytest.mark.parametrize("payload", [b"", b"\x80", b"garbage", pickle.dumps(5)])
def test_damaged_failure_is_a_failure(payload: bytes) -> None:
    assert isinstance(deserialize_failure(payload), UnserializableError)
