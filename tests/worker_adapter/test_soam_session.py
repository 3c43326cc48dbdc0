"""The session with Symphony: what its threads tell us, and what is done when it breaks."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A session with the stand-in, whose tasks are answered by the test."""
    monkeypatch.syspath_prepend(str(Path(__file__).with_name("soam")))
    import soamapi

    from scaler.worker_adapter.symphony.session import SoamSession

    monkeypatch.setattr(soamapi._Session, "_run", lambda *_: None)
    yield SoamSession("Service")
    for name in [
        name for name in sys.modules if name == "soamapi" or name.startswith("scaler.worker_adapter.symphony")
    ]:
        del sys.modules[name]


def answer(session: Any, number: int, payload: bytes = b"", error: Any = None) -> None:
    import soamapi

    session._callback.on_response(soamapi._TaskOutput(number, payload, error))


def test_results_and_failures_reach_who_waits(session: Any) -> None:
    import cloudpickle
    import soamapi

    good, bad, odd, broken = (session.submit(pow, (2, 3)) for _ in range(4))
    answer(session, 1, cloudpickle.dumps(8))
    answer(session, 2, error=soamapi.SoamException("raised", KeyError("x")))
    answer(session, 3, error=soamapi.SoamException("the host is gone"))
    answer(session, 4, b"no pickle")
    answer(session, 99, b"unknown")
    assert good.result(0) == 8
    with pytest.raises(KeyError, match="x"):
        bad.result(0)
    with pytest.raises(Exception, match="the host is gone"):
        odd.result(0)
    with pytest.raises(Exception, match="the result from Symphony could not be decoded"):
        broken.result(0)


def test_a_broken_session_fails_what_is_under_way_and_is_made_anew(session: Any) -> None:
    lost = session.submit(pow, (2, 3))
    session._callback.on_exception("connection lost")
    with pytest.raises(Exception, match="the session with Symphony failed: connection lost"):
        lost.result(0)
    before = session._session
    later = session.submit(pow, (2, 3))
    assert session._session is not before
    answer(session, 1, b"\x80\x05K\x08.")
    assert later.result(0) == 8


def test_an_answer_for_what_was_given_up_is_passed_over(session: Any) -> None:
    future = session.submit(pow, (2, 3))
    assert future.cancel()
    answer(session, 1, b"\x80\x05K\x08.")
    with pytest.raises(CancelledError):
        future.result(0)


def test_an_answer_that_is_quicker_than_the_call_finds_its_future(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import soamapi

    def at_once(own: Any, attributes: Any) -> Any:
        output = soamapi._TaskOutput(1, b"\x80\x05K\x08.", None)
        threading.Thread(target=session._callback.on_response, args=(output,)).start()
        return soamapi._TaskInput(1)

    monkeypatch.setattr(soamapi._Session, "send_task_input", at_once)
    assert session.submit(pow, (2, 3)).result(10) == 8


def test_giving_up_ends_the_wait_whenever_it_comes(session: Any) -> None:
    from scaler.protocol import codec
    from scaler.worker_adapter.symphony.executions import Execution

    task = codec.Task(task_id=bytes(16), source=b"c", func_object_id=bytes(32))

    def execution() -> Any:
        return Execution(task, lambda _frame: None, lambda _execution, _frame: None)

    before, between = execution(), execution()
    before.give_up()
    with pytest.raises(CancelledError):
        before.wait_for(lambda: session.submit(pow, (2, 3)))

    def submit() -> Any:
        future = session.submit(pow, (2, 3))
        between.give_up()
        return future

    with pytest.raises(CancelledError):
        between.wait_for(submit)
