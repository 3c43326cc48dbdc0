"""What a task prints: whole lines, in order, before its result, and files as Python has them."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading

import pytest

from scaler.protocol import codec
from scaler.utility.metadata.task_flags import TaskFlags
from scaler.worker.agent.processor.task_output import TaskOutput, is_streamed, streamed

TASK_ID = bytes(range(16))


class Sent:
    """What was sent, decoded."""

    def __init__(self) -> None:
        self.logs: list[codec.TaskLog] = []

    def __call__(self, frame: bytes) -> None:
        log = codec.decode(frame)
        assert isinstance(log, codec.TaskLog) and log.task_id == TASK_ID
        self.logs.append(log)

    def texts(self, kind: codec.LogType = codec.LogType.stdout) -> list[str]:
        return [log.content for log in self.logs if log.log_type == kind]


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def output(sent: Sent) -> TaskOutput:
    return TaskOutput(TASK_ID, codec.LogType.stdout, sent)


def test_a_line_is_one_message(sent: Sent) -> None:
    with streamed(TASK_ID, sent):
        print("a", 1)
        print("b", file=sys.stderr)
        print("c", end="")
    assert sent.texts() == ["a 1\n", "c"]
    assert sent.texts(codec.LogType.stderr) == ["b\n"]
    assert sys.stdout is not None and not isinstance(sys.stdout, TaskOutput)


def test_bytes_are_taken_like_those_of_standard_output(sent: Sent) -> None:
    with streamed(TASK_ID, sent):
        print("a", end="")
        for part in (b"b\xc3", bytearray(b"\xa4\n"), memoryview(b"\xff\n"), b"c\xc3"):
            assert sys.stdout.buffer.write(part) == len(part)
        sys.stdout.buffer.flush()
        sys.stderr.buffer.writelines([b"d\n", b"e"])
        assert sys.stdout.buffer.writable() and not sys.stdout.buffer.readable()
        with pytest.raises(TypeError):
            sys.stdout.buffer.write("text")
        with pytest.raises(io.UnsupportedOperation):
            sys.stdout.buffer.fileno()
    assert "".join(sent.texts()) == "abä\n\\xff\nc\\xc3"
    assert sent.texts(codec.LogType.stderr) == ["d\n", "e"]


def test_what_a_task_puts_in_the_place_of_its_streams_is_flushed_at_its_end(sent: Sent) -> None:
    with streamed(TASK_ID, sent):
        sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
        print("ä")
        sys.stderr = io.TextIOWrapper(sys.stderr.buffer, encoding="utf-8")
        print("b", file=sys.stderr)
        sys.stdout.buffer.flush()  # which is not that of the wrapper
    assert sent.texts() == ["ä\n"]
    assert sent.texts(codec.LogType.stderr) == ["b\n"]


def test_a_stream_of_the_task_that_cannot_be_flushed_does_not_matter(sent: Sent) -> None:
    with streamed(TASK_ID, sent):
        print("a")
        sys.stdout = io.StringIO()
        sys.stdout.close()
        sys.stderr = None  # type: ignore[assignment]
    assert sent.texts() == ["a\n"]


def test_write_takes_everything_and_says_so(output: TaskOutput, sent: Sent) -> None:
    assert [output.write(text) for text in ("ab", "c\nd", "", "e\nf\n", "g")] == [2, 3, 0, 4, 1]
    assert sent.texts() == ["abc\n", "de\nf\n"]
    output.flush()
    output.flush()
    assert sent.texts()[2:] == ["g"]


def test_it_is_a_file(output: TaskOutput, sent: Sent) -> None:
    assert output.writable() and not output.readable() and not output.isatty() and not output.closed
    assert output.encoding == "utf-8"
    output.writelines(["a\n", "b\n"])
    with pytest.raises(TypeError, match="must be str, not bytes"):
        output.write(b"x")  # type: ignore[arg-type]
    with pytest.raises(io.UnsupportedOperation):
        output.fileno()
    logger = logging.Logger("task")
    logger.addHandler(logging.StreamHandler(output))
    logger.warning("logged")
    assert sent.texts() == ["a\n", "b\n", "logged\n"]


def test_very_long_lines_do_not_wait_for_their_end(output: TaskOutput, sent: Sent) -> None:
    for _ in range(20):
        output.write("x" * 10_000)
    assert len(sent.texts()) >= 2 and all(len(text) <= 80_000 for text in sent.texts())
    output.end()
    assert "".join(sent.texts()) == "x" * 200_000


def test_text_that_has_no_encoding_is_escaped(output: TaskOutput, sent: Sent) -> None:
    output.write("\ud800\n")
    assert sent.texts() == ["\\ud800\n"]


def test_threads_write_whole_lines(sent: Sent) -> None:
    def work(number: int) -> None:
        for _ in range(200):
            print(f"{number}" * 20)

    with streamed(TASK_ID, sent):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = "".join(sent.texts()).splitlines()
    assert sorted(line for line in lines if line) == sorted(str(number) * 20 for number in range(4) for _ in range(200))


def test_what_comes_after_the_end_goes_where_the_processor_writes(
    output: TaskOutput, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = io.StringIO()
    monkeypatch.setattr(sys, "__stdout__", own)
    output.write("in time")
    output.end()
    assert output.write("late\n") == 5
    output.flush()
    assert sent.texts() == ["in time"] and own.getvalue() == "late\n"
    monkeypatch.setattr(sys, "__stdout__", None)
    assert output.write("later") == 5


def test_an_exception_leaves_the_streams_as_they_were(sent: Sent) -> None:
    before = sys.stdout
    with contextlib.suppress(ValueError), streamed(TASK_ID, sent):
        print("before", end="")
        raise ValueError
    assert sys.stdout is before and sent.texts() == ["before"]


@pytest.mark.parametrize("wanted", [False, True])
def test_only_clients_that_ask_get_it(wanted: bool) -> None:
    assert is_streamed(TaskFlags(stream_output=wanted).serialize()) is wanted
    assert not is_streamed(b"")


@pytest.mark.timeout(20)
def test_a_finaliser_may_print_in_the_midst_of_a_write() -> None:
    """The collector of garbage may run within ``write``, and finalisers on the thread that writes."""
    texts: list[str] = []

    def send(frame: bytes) -> None:
        log = codec.decode(frame)
        assert isinstance(log, codec.TaskLog)
        texts.append(log.content)
        if len(texts) == 1:
            stream.write("of a finaliser\nand its ")

    stream = TaskOutput(TASK_ID, codec.LogType.stdout, send)
    stream.write("first\nrest")
    stream.flush()
    assert "".join(texts) == "first\nof a finaliser\nand its rest"
