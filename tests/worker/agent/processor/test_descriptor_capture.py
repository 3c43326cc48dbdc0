"""What native code and subprocesses of a task print: line by line, all of it, and only during the task."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading

import pytest

from scaler.protocol import codec
from scaler.worker.agent.processor.task_output import streamed

pytestmark = pytest.mark.timeout(30)
TASK_ID = bytes(range(16))


class Sent:
    """What was sent, decoded, and a way to wait for more."""

    def __init__(self) -> None:
        self.logs: list[codec.TaskLog] = []

    def __call__(self, frame: bytes) -> None:
        log = codec.decode(frame)
        assert isinstance(log, codec.TaskLog)
        self.logs.append(log)

    def texts(self, kind: codec.LogType = codec.LogType.stdout) -> list[str]:
        return [log.content for log in self.logs if log.log_type == kind]


@pytest.fixture
def sent() -> Sent:
    return Sent()


def shell(command: str) -> None:
    subprocess.run(["/bin/sh", "-c", command], check=True)


def test_subprocesses_and_native_code(sent: Sent, capfd: pytest.CaptureFixture[str]) -> None:
    library = ctypes.CDLL(None)
    library.printf(b"before\n")
    with streamed(TASK_ID, sent, capture_descriptors=True):
        shell("echo one; echo two >&2")
        library.printf(b"native")  # the C library holds it back
        print("python")
    shell("echo after")
    assert "".join(sent.texts()).replace("python\n", "") == "one\nnative"
    assert "python\n" in sent.texts()
    assert sent.texts(codec.LogType.stderr) == ["two\n"]
    assert capfd.readouterr().out == "before\nafter\n"


def test_without_the_option_they_print_where_the_processor_does(sent: Sent, capfd: pytest.CaptureFixture[str]) -> None:
    with streamed(TASK_ID, sent):
        shell("echo one")
    assert sent.texts() == [] and capfd.readouterr().out == "one\n"


def test_nothing_is_lost_at_the_end_and_characters_stay_whole(sent: Sent) -> None:
    lines = 20_000
    with streamed(TASK_ID, sent, capture_descriptors=True):
        shell(f"i=0; while [ $i -lt {lines} ]; do echo äöü; i=$((i+1)); done; printf '\\303'")
    assert "".join(sent.texts()) == "äöü\n" * lines + "\\xc3"
    assert all(text.endswith("\n") for text in sent.texts()[:-1])


def test_a_subprocess_may_write_to_the_stream_it_is_given(sent: Sent) -> None:
    with streamed(TASK_ID, sent, capture_descriptors=True):
        subprocess.run(["/bin/echo", "given"], check=True, stdout=sys.stderr)
    assert sent.texts(codec.LogType.stderr) == ["given\n"]


def test_a_subprocess_that_outlives_its_task_disturbs_nobody(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """It writes without a pause, during the end of its task and during the next one."""
    late = threading.Event()

    class Own:
        def write(self, text: str) -> int:
            late.set()
            return len(text)

    monkeypatch.setattr(sys, "__stdout__", Own())
    with streamed(TASK_ID, sent, capture_descriptors=True):
        flood = subprocess.Popen(["/bin/sh", "-c", "while :; do echo flood; done"])
    try:
        assert late.wait(20)
        sent.logs.clear()
        with streamed(bytes(16), sent, capture_descriptors=True):
            shell("echo next")
        assert sent.texts() == ["next\n"]
    finally:
        flood.kill()
        flood.wait()


def test_a_task_that_redirects_the_descriptors_itself(sent: Sent) -> None:
    with streamed(TASK_ID, sent, capture_descriptors=True):
        os.write(1, b"first\n")
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)
        os.write(1, b"nowhere\n")
    assert sent.texts() == ["first\n"]


def test_closed_descriptors_are_left_alone(sent: Sent, caplog: pytest.LogCaptureFixture) -> None:
    saved = os.dup(1)
    os.close(1)
    try:
        with streamed(TASK_ID, sent, capture_descriptors=True):
            os.write(2, b"errors\n")
    finally:
        os.dup2(saved, 1)
        os.close(saved)
    assert sent.texts(codec.LogType.stderr) == ["errors\n"]
    assert "descriptor 1 cannot be captured" in caplog.text


def test_no_descriptor_and_no_thread_is_left(sent: Sent) -> None:
    def thread_names() -> list[str]:
        return [thread.name for thread in threading.enumerate()]

    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with streamed(TASK_ID, sent, capture_descriptors=True):
            os.write(1, b"x\n")
    for thread in threading.enumerate():
        if thread.name == "output-capture":
            thread.join(10)
    assert "output-capture" not in thread_names()
    assert len(os.listdir("/proc/self/fd")) == before
    assert sent.texts() == ["x\n"] * 20
