"""The client's core: events in, messages and endings out."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from client_stand_ins import PROFILE, StandInOwner

from scaler.client.agent.core import ClientCore, ClientState
from scaler.client.agent.pending_task import PendingTask
from scaler.client.call_signature import CallSignature
from scaler.client.function_record import FunctionRecord
from scaler.client.future import ScalerFuture
from scaler.protocol import codec
from scaler.utility.exceptions import DeserializeObjectError, DisconnectedError, WorkerDiedError
from scaler.utility.identifiers import ClientID, ObjectID, TaskID

CLIENT = ClientID.generate_client_id()
FUNCTION = FunctionRecord(b"f", b"function", CallSignature(print))


def object_id() -> ObjectID:
    return ObjectID.generate_object_id(CLIENT)


class CoreFixture:
    """A core with its clock; the methods read as what happens."""

    def __init__(self) -> None:
        self.now = 100.0
        self.core = ClientCore(CLIENT, "tcp://scheduler:1", 10.0, 2.0, self.now)
        self.owner = StandInOwner()
        self.core.on_connected(self.now)
        self.core.on_heartbeat_sent(self.now)
        self.core.on_heartbeat_echo("storage", 5, self.now)

    def submit(self, *objects: ObjectID, task_id: TaskID | None = None) -> ScalerFuture:
        future = ScalerFuture(task_id or TaskID.generate_task_id(), self.owner)
        self.core.on_submit(PendingTask(future, self.core.objects.acquire_function(FUNCTION), objects))
        return future

    def result(self, future: ScalerFuture, **fields: Any) -> None:
        fields = {"result_type": codec.TaskResultType.success, "metadata": PROFILE.serialize(), **fields}
        self.core.on_task_result(decoded(codec.TaskResult(task_id=future.task_id, **fields)))
        self.end()

    def confirm(self, future: ScalerFuture, answer: codec.TaskCancelConfirmType) -> None:
        self.core.on_task_cancel_confirm(
            decoded(codec.TaskCancelConfirm(task_id=future.task_id, cancel_confirm_type=answer))
        )
        self.end()

    def end(self) -> None:
        while self.core.endings:
            self.core.endings.popleft()()

    def sent(self) -> list[Any]:
        frames, self.core.outbox = self.core.outbox, []
        return [codec.decode(frame) for frame in frames]

    def pass_time(self, seconds: float, step: float = 1.0) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + step)
            self.core.on_tick(self.now)
        self.end()


class HookedTaskID(TaskID):
    """Calls a hook, once, where a signal handler may run in the midst of the end of its task: when it is hashed."""

    hook: Callable[[], None] | None = None
    skipped = 0

    def __hash__(self) -> int:
        if self.hook is not None:
            self.skipped -= 1
            if self.skipped < 0:
                hook, self.hook = self.hook, None
                hook()
        return super().__hash__()


def decoded(message: Any) -> Any:
    return codec.decode(message.encode())


@pytest.fixture
def client() -> CoreFixture:
    return CoreFixture()


# --- results


def test_inline_result_ends_the_future(client: CoreFixture) -> None:
    future = client.submit()
    client.result(future, value=pickle.dumps(7))
    assert future.result() == 7
    assert future.profiling_info() == PROFILE
    assert client.core.sizes()["tasks"] == 0


def test_empty_inline_value_is_a_value(client: CoreFixture) -> None:
    future = client.submit()
    client.result(future, value=b"")
    assert isinstance(future.exception(), DeserializeObjectError)


def test_stored_result_stays_stored(client: CoreFixture) -> None:
    future, result = client.submit(), object_id()
    client.result(future, results=[result])
    assert future.done()
    assert future.has_stored_result()
    client.pass_time(1)
    assert client.sent() == []  # it was not released


def test_failure_ends_the_future_with_its_exception(client: CoreFixture) -> None:
    future = client.submit()
    client.result(future, result_type=codec.TaskResultType.failed, value=pickle.dumps(ValueError("x")))
    assert isinstance(future.exception(), ValueError)


def test_failed_worker_with_and_without_a_value(client: CoreFixture) -> None:
    for value in (None, pickle.dumps(WorkerDiedError("told"))):
        future = client.submit()
        client.result(future, result_type=codec.TaskResultType.failedWorkerDied, value=value, attempt=2)
        failure = future.exception()
        assert isinstance(failure, WorkerDiedError)
        assert value is not None or failure.attempt == 2


@pytest.mark.parametrize("count", [0, 2])
def test_result_without_one_object_fails_its_future(client: CoreFixture, count: int) -> None:
    future, ids = client.submit(), [object_id() for _ in range(count)]
    client.result(future, results=ids)
    assert isinstance(future.exception(), DeserializeObjectError)
    client.pass_time(1)
    assert [i for message in client.sent() for i in message.object_ids] == ids


def test_second_result_is_counted_and_its_object_deleted(client: CoreFixture) -> None:
    future, late = client.submit(), object_id()
    client.result(future, value=pickle.dumps(1))
    client.result(future, results=[late])
    assert future.result() == 1
    assert client.core.counters["results of unknown tasks"] == 1
    client.pass_time(1)
    assert client.sent()[0].object_ids == [late]


def test_objects_of_an_ended_task_are_deleted_in_one_batch(client: CoreFixture) -> None:
    ids = [object_id() for _ in range(4)]
    futures = [client.submit(*ids[:2]), client.submit(*ids[2:])]
    client.pass_time(1)
    assert client.sent() == []
    for future in futures:
        client.result(future, value=pickle.dumps(1))
    client.pass_time(1)
    (message,) = client.sent()
    assert message.instruction_type == codec.ObjectInstructionType.delete
    assert message.object_user == CLIENT
    assert message.object_ids == ids
    client.pass_time(1)
    assert client.sent() == []


def test_objects_are_released_once_by_an_end_within_the_end(client: CoreFixture) -> None:
    task_id = HookedTaskID(TaskID.generate_task_id())
    held = object_id()
    client.submit(held, task_id=task_id)
    tasks = client.core.on_cancel_all_requested()
    client.sent()
    task_id.skipped = 1  # between the look for the task and its removal
    task_id.hook = lambda: client.core.on_cancel_given_up(tasks)
    client.core.on_cancel_given_up(tasks)
    assert task_id.hook is None
    client.pass_time(1)
    assert [message.object_ids for message in client.sent()] == [[held]]
    client.core.on_clear(client.now)
    (message,) = client.sent()
    assert len(message.object_ids) == 1  # of the function, whose references were counted right


# --- cancelling


def test_cancel_is_sent_once_and_forced(client: CoreFixture) -> None:
    future = client.submit()
    client.core.on_cancel_requested(future.task_id)
    client.core.on_cancel_requested(future.task_id)
    (message,) = client.sent()
    assert (message.task_id, message.force) == (future.task_id, True)


def test_cancel_of_an_ended_task_is_not_sent(client: CoreFixture) -> None:
    future = client.submit()
    client.result(future, value=b"")
    client.core.on_cancel_requested(future.task_id)
    assert client.sent() == []


@pytest.mark.parametrize("answer", [codec.TaskCancelConfirmType.canceled, codec.TaskCancelConfirmType.cancelNotFound])
def test_confirmed_cancel_ends_the_future_and_releases(client: CoreFixture, answer: Any) -> None:
    held = object_id()
    future = client.submit(held)
    client.core.on_cancel_requested(future.task_id)
    client.sent()
    client.confirm(future, answer)
    assert future.cancelled()
    client.pass_time(1)
    assert client.sent()[0].object_ids == [held]


def test_failed_cancel_leaves_the_task_and_allows_another(client: CoreFixture) -> None:
    future = client.submit()
    client.core.on_cancel_requested(future.task_id)
    client.confirm(future, codec.TaskCancelConfirmType.cancelFailed)
    assert future.running()
    client.core.on_cancel_requested(future.task_id)
    assert len(client.sent()) == 2
    client.result(future, value=pickle.dumps(1))
    assert future.result() == 1


def test_result_that_wins_the_race_is_delivered(client: CoreFixture) -> None:
    future = client.submit()
    client.core.on_cancel_requested(future.task_id)
    client.result(future, value=pickle.dumps(1))
    client.confirm(future, codec.TaskCancelConfirmType.cancelNotFound)
    assert future.result() == 1
    assert client.core.counters["confirmations of unknown tasks"] == 1


def test_given_up_cancels_end_as_cancelled(client: CoreFixture) -> None:
    futures = [client.submit() for _ in range(3)]
    tasks = client.core.on_cancel_all_requested()
    assert len(client.sent()) == 3
    client.confirm(futures[0], codec.TaskCancelConfirmType.canceled)
    client.core.on_cancel_given_up(tasks)
    client.end()
    assert all(future.cancelled() for future in futures)
    assert client.core.counters["cancels without verdict"] == 2


# --- the link


def test_first_echo_makes_the_client_ready() -> None:
    core = ClientCore(CLIENT, "a", 10.0, 2.0, 0.0)
    assert not core.is_heartbeat_due(5.0)
    core.on_connected(5.0)
    assert core.is_heartbeat_due(5.0)
    core.on_heartbeat_sent(5.0)
    assert not core.is_heartbeat_due(6.9)
    assert core.is_heartbeat_due(7.0)
    assert core.state is ClientState.connecting
    core.on_heartbeat_echo("", 0, 5.1)  # the scheduler does not know the storage yet
    assert core.state is ClientState.connecting
    core.on_heartbeat_sent(7.0)
    core.on_heartbeat_echo("host", 9, 7.5)
    assert core.state is ClientState.ready
    assert core.storage_address == ("host", 9)
    assert core.latency_seconds == 0.25


def test_short_timeout_shortens_the_heartbeat_interval() -> None:
    core = ClientCore(CLIENT, "a", timeout_seconds=0.9, heartbeat_interval_seconds=2.0, now_seconds=0.0)
    core.on_connected(0.0)
    core.on_heartbeat_sent(0.0)
    assert core.is_heartbeat_due(0.31)


def test_heartbeats_go_on_without_an_echo(client: CoreFixture) -> None:
    for _ in range(3):
        client.now += 2
        assert client.core.is_heartbeat_due(client.now)
        client.core.on_heartbeat_sent(client.now)


def test_no_scheduler_within_the_timeout_is_a_distinct_error() -> None:
    core = ClientCore(CLIENT, "tcp://scheduler:1", 10.0, 2.0, 0.0)
    for second in range(12):
        core.on_tick(float(second))
    assert core.state is ClientState.stopped
    assert isinstance(core.failure, DisconnectedError)
    assert isinstance(core.failure, TimeoutError)
    assert "tcp://scheduler:1" in str(core.failure)
    assert "10 seconds" in str(core.failure)


def test_silent_scheduler_fails_every_future(client: CoreFixture) -> None:
    futures = [client.submit() for _ in range(2)]
    client.pass_time(9.9)
    assert not any(future.done() for future in futures)
    client.pass_time(0.5)
    assert client.core.state is ClientState.stopped
    for future in futures:
        assert isinstance(future.exception(), DisconnectedError)
        assert "tcp://scheduler:1" in str(future.exception())
    assert client.core.sizes()["tasks"] == 0


def test_pause_of_this_process_is_not_the_silence_of_the_scheduler(client: CoreFixture) -> None:
    future = client.submit()
    client.pass_time(300, step=300)
    assert future.running()
    client.pass_time(11)
    assert future.done()


def test_short_pause_of_this_process_is_not_silence_either_when_timeouts_are_short() -> None:
    core = ClientCore(CLIENT, "a", timeout_seconds=3.0, heartbeat_interval_seconds=2.0, now_seconds=0.0)
    core.on_connected(0.0)
    core.on_heartbeat_sent(0.0)
    core.on_heartbeat_echo("storage", 5, 0.0)
    core.on_tick(0.9)
    core.on_tick(3.4)  # nothing was received meanwhile, nor asked for
    assert core.state is ClientState.ready
    core.on_tick(4.3)
    core.on_tick(5.2)
    assert core.state is ClientState.stopped


def test_lost_session_fails_every_future_at_once(client: CoreFixture) -> None:
    future = client.submit()
    client.core.on_lost("is lost")
    client.end()
    assert isinstance(future.exception(), DisconnectedError)
    client.result(future, value=b"")  # too late
    client.core.on_lost("is lost")
    client.core.on_stop()
    client.end()
    assert isinstance(client.core.failure, DisconnectedError)


def test_unexpected_failure_fails_every_future_with_it(client: CoreFixture) -> None:
    futures = [client.submit() for _ in range(2)]
    client.core.on_failure(RuntimeError("a bug"))
    client.end()
    failures = [future.exception() for future in futures]
    assert [repr(failure) for failure in failures] == ["RuntimeError('a bug')"] * 2
    assert failures[0] is not failures[1]  # or each raise would lengthen the traceback of all


def test_stop_cancels_every_future_and_sends_no_deletes(client: CoreFixture) -> None:
    future = client.submit(object_id())
    client.core.on_stop()
    client.pass_time(1)
    assert future.cancelled()
    assert client.sent() == []


def test_stop_that_was_cut_off_goes_on_with_the_next(client: CoreFixture) -> None:
    cut_off = HookedTaskID(TaskID.generate_task_id())
    futures = [client.submit(), client.submit(task_id=cut_off), client.submit()]

    def interrupt() -> None:
        raise KeyboardInterrupt

    cut_off.hook = interrupt
    with pytest.raises(KeyboardInterrupt):
        client.core.on_stop()
    assert client.core.state is ClientState.stopped
    client.core.on_stop()
    client.end()
    assert all(future.cancelled() for future in futures)


def test_next_event_is_the_heartbeat_or_the_end_of_patience(client: CoreFixture) -> None:
    assert client.core.next_event_seconds(client.now + 0.5) == pytest.approx(1.5, abs=0.01)
    assert 0 < client.core.next_event_seconds(client.now + 50) < 0.01


# --- clear and shutdown


def test_clear_deletes_sent_objects_and_unused_functions(client: CoreFixture) -> None:
    sent = object_id()
    client.core.objects.add_sent(sent, 1)
    future = client.submit()
    client.result(future, value=pickle.dumps(1))
    client.core.on_clear(client.now)
    (message,) = client.sent()
    assert len(message.object_ids) == 2
    assert sent in message.object_ids
    assert set(client.core.sizes().values()) == {0}


def test_refused_shutdown_changes_nothing(client: CoreFixture) -> None:
    future = client.submit()
    client.core.on_shutdown_requested()
    client.core.on_shutdown_response(False)
    assert client.core.shutdown_answer is False
    assert client.core.state is ClientState.ready
    client.core.on_lost("is lost")  # this later loss is not the shutdown
    client.end()
    assert isinstance(future.exception(), DisconnectedError)


def test_scheduler_that_goes_before_its_answer_arrives_has_shut_down(client: CoreFixture) -> None:
    client.core.on_shutdown_requested()
    client.core.on_lost("is lost")
    assert client.core.shutdown_answer is True
    assert client.core.state is ClientState.stopped


def test_silence_is_no_answer_to_a_shutdown(client: CoreFixture) -> None:
    client.core.on_shutdown_requested()
    client.pass_time(11)
    assert client.core.shutdown_answer is None
    assert isinstance(client.core.failure, DisconnectedError)


def test_log_is_written_before_the_result_is_seen(client: CoreFixture, capsys: pytest.CaptureFixture[str]) -> None:
    future = client.submit()
    for kind, text in ((codec.LogType.stdout, "out\n"), (codec.LogType.stderr, "error\n")):
        client.core.on_task_log(decoded(codec.TaskLog(task_id=future.task_id, log_type=kind, content=text)))
    assert len(client.core.endings) == 2
    client.result(future, value=pickle.dumps(1))
    assert tuple(capsys.readouterr()) == ("out\n", "error\n")
