"""A real worker: agent and processor processes between a stand-in for the scheduler and a real object storage."""

from __future__ import annotations

import os
import signal
import sys
import time

import psutil
import pytest
import worker_test_tasks as tasks
from process_ends import wait_ended
from worker_bench import SERVES_AGAIN_SECONDS, SchedulerStandIn, StorageThread, make_worker, processors_of, wait_running

from scaler.protocol import codec, message
from scaler.utility.exceptions import (
    DeserializeObjectError,
    ObjectStorageException,
    TaskTimeoutError,
)
from scaler.utility.metadata.profile_result import ProfileResult
from scaler.utility.metadata.task_flags import TaskFlags
from scaler.utility.restarts import NO_RESTART_EXIT_CODE

CANCELED = codec.TaskCancelConfirmType.canceled


# -- work


def test_registers_at_once_and_tells_about_itself(start, scheduler):
    worker = start(capabilities={"gpu": 2}, task_queue_size=17)
    seconds = scheduler.wait_until(lambda: scheduler.heartbeats)
    first = scheduler.heartbeats[0]
    assert scheduler.worker_id == worker.identity
    assert (first.queueSize, first.queuedTasks, first.heldTasks, first.heldDigest) == (17, 0, 0, 0)
    assert [(each.name, each.value) for each in first.capabilities] == [("gpu", 2)]
    assert first.agent.rss > 0 and first.rssFree > 0
    pid = scheduler.wait_ready()
    assert seconds < 5
    assert [process.pid for process in processors_of(worker)] == [pid]
    last = scheduler.heartbeats[-1].processors[0]
    assert last.initialized and not last.hasTask and last.resource.rss > 0


def test_runs_tasks(worker, scheduler):
    ids = [scheduler.submit(tasks.add, number, 1) for number in range(500)]
    assert [scheduler.result(each) for each in ids] == [number + 1 for number in range(500)]
    profile = ProfileResult.deserialize(scheduler.ends[ids[0]].metadata)
    assert profile.duration_s > 0
    scheduler.wait_until(lambda: scheduler.heartbeats[-1].heldTasks == 0)


def test_fetches_what_the_next_task_lacks_while_one_runs(worker, scheduler):
    """Whether that waits behind it already or comes later, and again and again."""
    size = 1_000_000
    first = scheduler.submit(tasks.wait_until_fetched_ahead, size)
    arguments = [scheduler.store(bytes([number]) * size) for number in range(3)]
    later = [scheduler.submit(tasks.wait_until_fetched_ahead, size, argument) for argument in arguments]
    assert scheduler.result(first)
    last = scheduler.submit(len, scheduler.store(b"x" * size))
    assert [scheduler.result(each) for each in later] == [True] * 3
    assert scheduler.result(last) == size


@pytest.mark.parametrize("is_told_the_storage", [False, True])
def test_drops_what_no_task_uses_and_fetches_it_again(start, scheduler, storage, tmp_path, is_told_the_storage):
    scheduler.object_retention_ms = 300
    start(**({"object_storage_address": storage.address} if is_told_the_storage else {}))
    pid = scheduler.wait_ready()
    dropped = tmp_path / "dropped"
    argument = scheduler.store(tasks.Marked(str(dropped)))
    assert scheduler.call(tasks.pid_with, argument) == pid
    scheduler.wait_until(dropped.exists)
    dropped.unlink()
    assert scheduler.call(tasks.pid_with, argument) == pid


def test_reports_held_tasks(worker, scheduler):
    for _ in range(3):
        scheduler.submit(tasks.sleep, 60)
    scheduler.wait_until(lambda: scheduler.heartbeats[-1].heldTasks == 3)
    scheduler.wait_until(lambda: scheduler.heartbeats[-1].queuedTasks == 2)
    assert scheduler.heartbeats[-1].heldDigest != 0


def test_stores_and_announces_large_results(worker, scheduler):
    task_id = scheduler.submit(tasks.make_bytes, 1_000_000)
    assert scheduler.result(task_id) == bytes(1_000_000)
    assert [each.object_ids for each in scheduler.created] == [scheduler.ends[task_id].results]
    assert scheduler.created[0].object_user == scheduler.client


def test_reports_failures_and_goes_on_with_the_same_processor(worker, scheduler):
    pid = scheduler.call(os.getpid)
    error = scheduler.failure(scheduler.submit(tasks.add, 1, "a"))
    assert isinstance(error, TypeError)
    assert isinstance(scheduler.failure(scheduler.submit(tasks.exit_by_exception)), SystemExit)
    assert isinstance(scheduler.failure(scheduler.submit(tasks.add, 1)), TypeError)
    assert scheduler.call(os.getpid) == pid


def test_streams_what_everything_in_a_task_prints_where_that_is_wanted(start, scheduler):
    start(capture_native_output=True, logging_paths=("/dev/stdout",))
    scheduler.wait_ready()
    streamed = TaskFlags(stream_output=True).serialize()
    first = scheduler.submit(tasks.print_in_every_way, metadata=streamed)
    failing = scheduler.submit(tasks.exit_by_exception, metadata=streamed)
    quiet = scheduler.submit(tasks.print_in_every_way)
    for task_id in (first, failing, quiet):
        scheduler.end(task_id)
    assert sorted(scheduler.printed.pop(first)) == ["native", "python\n", "subprocess\n"]
    assert scheduler.printed == {}, "what the processor logs is no output of the task"


def test_gives_each_task_arguments_of_its_own_where_that_is_wanted(start, scheduler):
    start(isolated_arguments=True)
    scheduler.wait_ready()
    shared = scheduler.store([])
    assert [scheduler.call(tasks.append_and_count, shared) for _ in range(3)] == [1, 1, 1]


def test_has_as_many_io_threads_as_it_is_told(start, scheduler):
    def thread_count(**fields):
        worker = start(**fields)
        scheduler.wait_until(lambda: scheduler.worker_id == worker.identity)
        count = psutil.Process(worker.pid).num_threads()
        worker.close()
        return count

    assert thread_count(io_threads=4) - thread_count(io_threads=1) == 3


def test_agent_and_processor_log_as_their_configuration_file_says(start, scheduler, tmp_path):
    path, configuration = tmp_path / "log", tmp_path / "logging.ini"
    configuration.write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=file\n[formatters]\nkeys=plain\n"
        "[logger_root]\nlevel=INFO\nhandlers=file\n"
        f"[handler_file]\nclass=FileHandler\nformatter=plain\nargs=({str(path)!r},)\n"
        "[formatter_plain]\nformat=%(processName)s %(process)d %(message)s\n"
    )
    worker = start(logging_config_file=str(configuration))
    pid = scheduler.wait_ready()
    scheduler.call(tasks.log, "of a task")
    worker.terminate()
    scheduler.wait_until(lambda: not worker.is_alive())
    lines = path.read_text().splitlines()
    assert any(line.split(" ", 1)[1] == f"{pid} of a task" for line in lines)
    assert any(f" {worker.pid} worker " in line and "leaves" in line for line in lines)


def test_tells_tasks_their_processor(worker, scheduler):
    task_id = scheduler.submit(tasks.current_processors)
    same, current_id, address = scheduler.result(task_id)
    assert same == [True, True, True]
    assert current_id == task_id
    assert address == scheduler.address


def test_runs_tasks_in_the_main_thread_of_their_own_process_group(worker, scheduler):
    assert scheduler.call(tasks.environment) == (True, True)


def test_processor_loads_no_heavy_modules(worker, scheduler):
    modules = set(scheduler.call(tasks.modules_loaded))
    assert modules.isdisjoint({"asyncio", "capnp", "psutil", "argparse", "ssl", "scaler.client.client"})


def test_passes_over_messages_that_make_no_sense(worker, scheduler):
    pid = scheduler.call(os.getpid)
    echo = message.encode("workerHeartbeatEcho", objectStorageAddress={"host": "h" * 100, "port": 1})
    task = codec.Task(task_id=bytes(16), source=scheduler.client, func_object_id=bytes(32)).encode()
    log = codec.TaskLog(task_id=bytes(16), log_type=codec.LogType.stdout, content="not for workers").encode()
    for frame in (b"", b"garbage", task[:-8], echo[:-8], log, message.encode("clientHeartbeat"), task[:16]):
        scheduler.send(frame)
    assert scheduler.call(os.getpid) == pid


# -- cancel


def test_a_forced_cancel_kills_the_task_and_what_it_started(worker, scheduler, tmp_path):
    marker = tmp_path / "pids"
    running = scheduler.submit(tasks.hold_marker_open, str(marker), 60)
    waiting = scheduler.submit(tasks.add, 1, 2)
    pids = wait_running(marker)
    processes = [psutil.Process(pid) for pid in pids]
    started = time.monotonic()
    scheduler.cancel(running, force=True)
    assert scheduler.end(running).cancel_confirm_type == CANCELED
    assert scheduler.result(waiting) == 3
    assert time.monotonic() - started < SERVES_AGAIN_SECONDS
    wait_ended(processes)


def test_retraction_takes_back_only_what_has_not_started(worker, scheduler, tmp_path):
    marker = tmp_path / "pids"
    running = scheduler.submit(tasks.hold_marker_open, str(marker), 60)
    waiting = [scheduler.submit(tasks.add, 1, number) for number in range(100)]
    wait_running(marker)
    scheduler.cancel(running, force=False)
    for task_id in waiting:
        scheduler.cancel(task_id, force=False)
    for task_id in waiting:
        assert scheduler.end(task_id).cancel_confirm_type == CANCELED
    assert scheduler.verdicts[0].cancel_confirm_type == codec.TaskCancelConfirmType.cancelFailed
    scheduler.cancel(waiting[0], force=True)
    scheduler.wait_until(lambda: len(scheduler.verdicts) == 102)
    assert scheduler.verdicts[-1].cancel_confirm_type == codec.TaskCancelConfirmType.cancelNotFound


def test_stops_a_task_at_its_limit(start, scheduler):
    start(task_timeout_seconds=0.5)
    scheduler.wait_ready()
    error = scheduler.failure(scheduler.submit(tasks.sleep, 60))
    assert isinstance(error, TaskTimeoutError) and "0.5 seconds" in str(error)
    assert scheduler.call(tasks.add, 1, 2) == 3


# -- the end of the agent


# -- storage


def test_a_lost_storage_fails_tasks_but_not_the_processor(storage):
    own_storage = StorageThread()
    scheduler = SchedulerStandIn(own_storage)
    worker = make_worker(scheduler.address)
    worker.start()
    try:
        scheduler.wait_ready()
        pid = scheduler.call(os.getpid)
        task_id = scheduler.submit(tasks.make_bytes, 5)
        scheduler.result(task_id)
        own_storage.close()
        error = scheduler.failure(scheduler.submit(tasks.make_bytes, 1_000_000))
        assert isinstance(error, ObjectStorageException)
        assert scheduler.call(os.getpid) == pid
    finally:
        worker.close()
        scheduler.close()


def test_uses_the_storage_it_was_given(start, scheduler, storage):
    start(object_storage_address=storage.address)
    scheduler.wait_ready()
    assert scheduler.call(tasks.add, 1, 2) == 3


def test_names_what_cannot_be_decoded(worker, scheduler, monkeypatch):
    monkeypatch.setattr(tasks.add, "__module__", "no_such_module_anywhere")
    module = type(sys)("no_such_module_anywhere")
    module.add = tasks.add
    monkeypatch.setitem(sys.modules, "no_such_module_anywhere", module)
    error = scheduler.failure(scheduler.submit(tasks.add, 1, 2))
    assert isinstance(error, DeserializeObjectError)
    assert "no_such_module_anywhere" in str(error)


# -- preload


def test_preloads_every_processor(start, scheduler):
    start(preload="worker_test_tasks:preload_hook('ready')")
    pid = scheduler.wait_ready()
    assert scheduler.call(tasks.get_preloaded) == "ready"
    os.kill(pid, signal.SIGKILL)
    assert scheduler.call(tasks.get_preloaded) == "ready"


@pytest.mark.parametrize(
    ("preload", "texts", "end", "starts", "tracebacks"),
    [
        (
            "worker_test_tasks:preload_failure()",
            ["preloading: worker_test_tasks:preload_failure with args", "this hook always fails"],
            (1, "exited with code 1 before it could serve, 5 times in a row"),
            5,
            1,
        ),
        (
            "no.such.module:function",
            ["preload 'no.such.module:function' failed: ModuleNotFoundError: No module named 'no'"],
            (NO_RESTART_EXIT_CODE, "its preload cannot be used"),
            1,
            0,
        ),
    ],
    ids=["raises", "missing"],
)
def test_a_failing_preload_ends_the_worker_with_an_error(
    preload, texts, end, starts, tracebacks, start, scheduler, tmp_path, capfd
):
    worker = start(preload=preload, logging_paths=(str(tmp_path / "log"),))
    scheduler.wait_until(lambda: not worker.is_alive())
    exit_code, reason = end
    assert worker.exitcode == exit_code
    assert reason in (tmp_path / "log").read_text()
    logs = [path.read_text() for path in tmp_path.glob("log-*")]
    assert len(logs) == starts
    for text in logs:
        assert [part for part in texts if part not in text] == []
        assert text.count("Traceback") == tracebacks
    assert "Traceback" not in capfd.readouterr().err
