"""How a worker, as a process of its own, and its processors end."""

from __future__ import annotations

import math
import os
import signal
import time
from pathlib import Path

import pytest
import worker_test_tasks as tasks
from process_ends import wait_ended
from worker_bench import SERVES_AGAIN_SECONDS, SchedulerStandIn, make_worker, processors_of, wait_running

from scaler.protocol import codec
from scaler.utility.exceptions import ProcessorDiedError


@pytest.mark.parametrize(
    ("function", "arguments", "text"),
    [
        (tasks.exit_at_once, (3,), "exited with code 3"),
        (tasks.exit_at_once, (0,), "exited with code 0"),
        (tasks.segfault, (), "signal 11 (SIGSEGV)"),
    ],
)
def test_names_the_end_of_a_processor_and_serves_again(worker, scheduler, function, arguments, text):
    pid = scheduler.call(os.getpid)
    failing = scheduler.submit(function, *arguments)
    others = [scheduler.submit(tasks.add, number, 1) for number in range(10)]
    error = scheduler.failure(failing)
    failed_at = time.monotonic()
    assert isinstance(error, ProcessorDiedError)
    assert scheduler.ends[failing].cause == codec.TaskEndCause.processorDied
    assert text in str(error) and f"pid {pid}" in str(error) and failing.hex() in str(error)
    assert (error.pid, error.task_id, error.attempt) == (pid, failing, 0)
    assert [scheduler.result(each) for each in others] == [number + 1 for number in range(10)]
    assert time.monotonic() - failed_at < SERVES_AGAIN_SECONDS
    assert all(scheduler.ends[each].attempt == 0 for each in others)


def test_a_killed_processor_fails_exactly_its_running_task(worker, scheduler, tmp_path):
    marker = tmp_path / "pids"
    finished = scheduler.submit(tasks.add, 1, 1)
    running = scheduler.submit(tasks.hold_marker_open, str(marker), 60)
    waiting = [scheduler.submit(tasks.add, number, 1) for number in range(100)]
    pid, child_pid = wait_running(marker)
    os.kill(pid, signal.SIGKILL)
    killed_at = time.monotonic()
    error = scheduler.failure(running)
    assert "signal 9 (SIGKILL)" in str(error) and error.signal == 9
    assert [scheduler.result(each) for each in waiting] == [number + 1 for number in range(100)]
    assert time.monotonic() - killed_at < SERVES_AGAIN_SECONDS
    assert scheduler.result(finished) == 2
    os.kill(child_pid, signal.SIGKILL)


def test_an_idle_processor_is_replaced(worker, scheduler):
    pid = scheduler.call(os.getpid)
    os.kill(pid, signal.SIGKILL)
    assert scheduler.call(os.getpid) != pid


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_leaves_in_order_at_a_signal(worker, scheduler, number):
    processors = processors_of(worker)
    scheduler.submit(tasks.sleep, 60)
    scheduler.serve(0.2)
    os.kill(worker.pid, number)
    scheduler.wait_until(lambda: not worker.is_alive(), 5)
    assert worker.exitcode == 0
    assert scheduler.farewells == 1
    assert scheduler.ends == {}, "the scheduler places the task elsewhere"
    wait_ended(processors)


def handles(pid, number):
    """Return whether a process has a handler for a signal, by the mask that the kernel shows."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return caught >> (number - 1) & 1 == 1


@pytest.mark.parametrize("delay_seconds", [0, 0.05, 0.1, 0.2, 0.3])
def test_leaves_in_order_while_it_starts(start, scheduler, delay_seconds):
    worker = start()
    # Before that the interpreter itself starts, which a signal just ends; it shows its name a little earlier.
    scheduler.wait_until(lambda: handles(worker.pid, signal.SIGTERM))
    scheduler.serve(delay_seconds)
    worker.terminate()
    scheduler.wait_until(lambda: not worker.is_alive(), 5)
    assert worker.exitcode == 0


def test_leaves_also_when_the_scheduler_does_not_answer(worker, scheduler):
    scheduler.answers_farewell = False
    worker.terminate()
    scheduler.wait_until(lambda: not worker.is_alive(), 5)
    assert worker.exitcode == 0


def test_drains_at_the_first_sigterm_when_it_may(start, scheduler):
    worker = start(drain_seconds=60)
    scheduler.wait_ready()
    running = scheduler.submit(tasks.sleep, 1)
    waiting = scheduler.submit(tasks.sleep, 60)
    scheduler.serve(0.5)
    worker.terminate()
    scheduler.wait_until(lambda: scheduler.heartbeats[-1].drain, 5)
    scheduler.cancel(waiting, force=False)
    assert scheduler.end(waiting).cancel_confirm_type == codec.TaskCancelConfirmType.canceled
    assert scheduler.end(running).result_type == codec.TaskResultType.success
    assert worker.is_alive()
    scheduler.shut_down()
    scheduler.wait_until(lambda: not worker.is_alive(), 5)
    assert (worker.exitcode, scheduler.farewells) == (0, 1)


@pytest.mark.parametrize("numbers", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT,)])
def test_leaves_at_once_at_the_second_sigterm_and_at_sigint(start, scheduler, numbers):
    worker = start(drain_seconds=60)
    scheduler.wait_ready()
    scheduler.submit(tasks.sleep, 60)
    scheduler.serve(0.2)
    for number in numbers:
        os.kill(worker.pid, number)
        scheduler.serve(0.2)
    scheduler.wait_until(lambda: not worker.is_alive(), 5)
    assert (worker.exitcode, scheduler.farewells) == (0, 1)


def test_leaves_when_the_time_to_drain_is_over(start, scheduler):
    worker = start(drain_seconds=0.5)
    scheduler.wait_ready()
    scheduler.submit(tasks.sleep, 60)
    scheduler.serve(0.2)
    worker.terminate()
    scheduler.wait_until(lambda: not worker.is_alive(), 10)
    assert (worker.exitcode, scheduler.farewells) == (0, 1)


@pytest.mark.parametrize("seconds", [-1, math.inf, math.nan])
def test_a_time_to_drain_that_is_none_is_refused(seconds):
    with pytest.raises(ValueError, match="drain_seconds must be a number of seconds"):
        make_worker("tcp://127.0.0.1:1", drain_seconds=seconds)


def test_does_not_wait_for_a_scheduler_that_went_first(start, scheduler, tmp_path):
    log = tmp_path / "log"
    worker = start(logging_paths=(str(log),))
    scheduler.wait_ready()
    scheduler.answers_farewell = False
    worker.terminate()
    scheduler.wait_until(lambda: scheduler.farewells == 1, 5)
    scheduler.close()
    worker.join(5)
    assert worker.exitcode == 0
    assert "farewell" not in log.read_text()


def test_leaves_when_the_cluster_shuts_down(worker, scheduler):
    scheduler.shut_down()
    scheduler.wait_until(lambda: not worker.is_alive(), 5)
    assert worker.exitcode == 0


def test_processors_follow_a_killed_agent(worker, scheduler):
    processors = processors_of(worker)
    scheduler.submit(tasks.sleep, 60)
    scheduler.serve(0.2)
    worker.kill()
    wait_ended(processors)
    scheduler.wait_until(lambda: scheduler.losses == 1, 5)


def test_gives_up_when_there_is_no_scheduler(start, free_address):
    worker = start(address=free_address, death_timeout_seconds=1)
    worker.join(10)
    assert worker.exitcode == 1


def test_gives_up_at_an_address_that_is_none(start, tmp_path):
    worker = start(address="nowhere", logging_paths=(str(tmp_path / "log"),))
    worker.join(10)
    assert worker.exitcode == 1
    assert "cannot connect to the scheduler at nowhere" in (tmp_path / "log").read_text()


def test_drops_its_work_and_registers_anew_when_the_session_is_lost(start, storage):
    first = SchedulerStandIn(storage)
    worker = start(address=first.address)
    pid = first.wait_ready()
    first.submit(tasks.sleep, 60)
    first.serve(0.2)
    first.close()
    second = SchedulerStandIn(storage, first.address)
    try:
        second.wait_until(lambda: second.heartbeats)
        assert second.worker_id == worker.identity
        assert second.heartbeats[-1].heldTasks == 0
        second.wait_ready()
        assert second.call(os.getpid) != pid
    finally:
        second.close()
