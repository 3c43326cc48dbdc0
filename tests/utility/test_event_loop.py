"""The choice of the asyncio loop."""

import importlib.util

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
    if importlib.util.find_spec("uvloop") is not None:
        assert run_in_event_loop("uvloop", answer()) == 42
    else:
        with pytest.raises(ImportError, match=r"pip install opengris-scaler\[uvloop\]"):
            run_in_event_loop("uvloop", answer())
