"""The threads on which callbacks and fetches run."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from scaler.client.agent.job_pool import JobPool


@pytest.fixture
def pool() -> Iterator[JobPool]:
    pool = JobPool("jobs")
    yield pool
    pool.close()


def test_jobs_run_elsewhere_one_after_the_other_on_one_thread(pool: JobPool) -> None:
    names: list[str] = []
    for number in range(3):
        ended = threading.Event()

        def job(ended: threading.Event = ended) -> None:
            names.append(threading.current_thread().name)
            ended.set()

        pool.run(job)
        assert ended.wait(10), number
        time.sleep(0.05)  # until the thread waits again
    assert names == ["jobs_0"] * 3


def test_four_jobs_run_at_once_and_others_wait(pool: JobPool) -> None:
    together = threading.Barrier(5)
    fifth = threading.Event()
    for _ in range(4):
        pool.run(lambda: [together.wait(10), None][1])
    pool.run(fifth.set)
    assert not fifth.wait(0.1)
    together.wait(10)
    assert fifth.wait(10)


def test_a_job_that_fails_is_logged_and_its_thread_goes_on(pool: JobPool, caplog: pytest.LogCaptureFixture) -> None:
    ended = threading.Event()
    pool.run(lambda: sys.exit(3))
    (thread,) = pool._threads
    while "a job of jobs failed" not in caplog.text:
        time.sleep(0.01)
    pool.run(ended.set)
    assert ended.wait(10)
    assert thread.is_alive()


def test_after_the_end_jobs_run_on_the_callers_thread(pool: JobPool) -> None:
    names: list[str] = []
    ended = threading.Event()
    pool.run(lambda: [time.sleep(0.1), ended.set()][1])
    pool.close()
    pool.run(lambda: names.append(threading.current_thread().name))
    assert names == [threading.current_thread().name]
    assert ended.wait(10)


def test_without_threads_jobs_run_on_the_callers_thread(pool: JobPool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    names: list[str] = []
    pool.run(lambda: names.append(threading.current_thread().name))
    assert names == [threading.current_thread().name]


def test_a_closed_pool_leaves_nothing_behind() -> None:
    pool = JobPool("jobs")
    ended = threading.Event()
    pool.run(ended.set)
    assert ended.wait(10)
    (thread,) = pool._threads
    pool.close()
    thread.join(10)
    assert not thread.is_alive()
    gone = weakref.ref(pool)
    del pool
    assert gone() is None


def test_a_program_ends_when_its_jobs_have_ended() -> None:
    program = """
import time
from scaler.client.agent.job_pool import JobPool
pool = JobPool("jobs")
pool.run(lambda: [time.sleep(0.3), print("ended", flush=True)])
print("end of the program", flush=True)
"""
    ended = subprocess.run([sys.executable, "-c", program], timeout=30, capture_output=True, text=True, check=True)
    assert ended.stdout == "end of the program\nended\n"
