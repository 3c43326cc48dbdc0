"""A mark knows the process that made it."""

import gc
import os

from scaler.utility import process_mark
from scaler.utility.process_mark import ProcessMark


def in_forked_child(question) -> bytes:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, question())
        os._exit(0)
    os.waitpid(child, 0)
    answer = os.read(reading, 100)
    os.close(reading)
    os.close(writing)
    return answer


def test_a_copy_is_not_the_own_process():
    mark = ProcessMark()
    assert in_forked_child(lambda: b"%d %d" % (mark.is_own, ProcessMark().is_own)) == b"0 1"
    assert mark.is_own


def test_a_copy_of_a_copy():
    mark = ProcessMark()
    assert in_forked_child(lambda: in_forked_child(lambda: b"%d" % mark.is_own)) == b"0"


def test_marks_are_not_kept():
    before = len(process_mark._marks)
    marks = [ProcessMark() for _ in range(10)]
    assert len(process_mark._marks) == before + 10
    del marks
    gc.collect()
    assert len(process_mark._marks) <= before
