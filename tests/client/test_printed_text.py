"""What tasks print, on the streams of the client."""

from __future__ import annotations

import io
import sys

import pytest

from scaler.client.agent.printed_text import PrintedText
from scaler.protocol import codec


def output(content: str, kind: codec.LogType = codec.LogType.stdout) -> PrintedText:
    return PrintedText(codec.TaskLog(task_id=b"t", log_type=kind, content=content))


def test_text_goes_to_its_stream_once(capsys: pytest.CaptureFixture[str]) -> None:
    printed = output("out\n")
    printed.write()
    printed.write()
    output("error\n", codec.LogType.stderr).write()
    assert tuple(capsys.readouterr()) == ("out\n", "error\n")


def test_text_that_the_stream_cannot_encode_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    output("café\n").write()
    stream.flush()
    assert stream.buffer.getvalue() == b"caf\\xe9\n"  # type: ignore[attr-defined]  # a BytesIO


def test_process_without_streams_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    output("out\n").write()
