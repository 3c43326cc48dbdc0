"""The choice of the asyncio loop."""

import sys

import pytest

from scaler.utility.event_loop import run_in_event_loop


async def answer():
    return 42


def test_builtin():
    assert run_in_event_loop("builtin", answer()) == 42


def test_unknown_kind():
    with pytest.raises(TypeError, match="must be one of builtin, uvloop"):
        run_in_event_loop("trio", answer())


def test_uvloop():
    assert run_in_event_loop("uvloop", answer()) == 42


def test_uvloop_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(ImportError, match=r"pip install opengris-scaler\[uvloop\]"):
        run_in_event_loop("uvloop", answer())
