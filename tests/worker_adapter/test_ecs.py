"""The ECS adapter against a stand-in of AWS that this test runs on the loopback."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
import threading
import urllib.request
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from scaler.cluster.cluster import Cluster
from scaler.config.command_line import read_command_line
from scaler.config.section.cluster import ClusterConfig
from scaler.config.section.ecs_worker_adapter import ECSWorkerAdapterConfig
from scaler.utility.identifiers import WorkerID
from scaler.worker_adapter.common import CapacityExceededError, WorkerGroupNotFoundError
from scaler.worker_adapter.ecs import ECSWorkerAdapter, worker_command
from scaler.worker_adapter.ecs_service import EcsError, EcsService

sys.path.append(str(Path(__file__).parents[1] / "end_to_end"))
from commands import Command


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """The address of the stand-in; it has AWS's own policies, one of which the role gets."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
        yield from served()


def served() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # Tasks run until they are stopped; by themselves they would go on to their end with each look at them.
    transition = {"model_name": "ecs::task", "transition": {"progression": "manual", "times": 1_000_000}}
    request = urllib.request.Request(
        f"http://{host}:{port}/moto-api/state-manager/set-transition", data=json.dumps(transition).encode()
    )
    urllib.request.urlopen(request, timeout=20).close()
    yield f"http://{host}:{port}"
    server.stop()


class Account:
    """A cluster and a task definition that do not exist yet, and a network."""

    def __init__(self) -> None:
        self.name = f"test-{uuid.uuid4().hex}"
        session = boto3.Session(region_name="us-east-1")
        self.ecs = session.client("ecs")
        self.iam = session.client("iam")
        network = session.client("ec2")
        self.subnet = network.describe_subnets()["Subnets"][0]["SubnetId"]
        self.security_group = network.describe_security_groups()["SecurityGroups"][0]["GroupId"]

    def arguments(self) -> list[str]:
        place = ["--ecs-cluster", self.name, "--ecs-task-definition", self.name, "--ecs-subnets", self.subnet]
        listen = ["tcp://10.0.0.1:2345", "--host", "127.0.0.1", "--port", "0"]
        return [*listen, *place, "--ecs-security-groups", self.security_group, "--max-instances", "-1"]

    def config(self, *arguments: str) -> ECSWorkerAdapterConfig:
        return read_command_line(ECSWorkerAdapterConfig, "p", "ecs_worker_adapter", "", [*self.arguments(), *arguments])

    def run(self, use: Callable[[ECSWorkerAdapter], Awaitable[None]], *arguments: str) -> None:
        """Let an adapter be used."""

        async def main() -> None:
            config = self.config(*arguments)
            await use(ECSWorkerAdapter(config, EcsService(config)))

        asyncio.run(main())

    def running_tasks(self) -> list[dict[str, Any]]:
        arns = self.ecs.list_tasks(cluster=self.name, desiredStatus="RUNNING")["taskArns"]
        tasks: list[dict[str, Any]] = self.ecs.describe_tasks(cluster=self.name, tasks=arns)["tasks"] if arns else []
        return tasks


@pytest.fixture
def account(aws: str, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account, which boto3 finds by the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    return Account()


def environment_of(task: dict[str, Any]) -> dict[str, str]:
    [container] = task["overrides"]["containerOverrides"]
    return {each["name"]: each["value"] for each in container["environment"]}


def test_what_is_missing_is_made_and_used_again(account: Account) -> None:
    EcsService(account.config("--ecs-task-cpu", "2", "--ecs-task-memory", "8", "--ecs-task-image", "image:1"))
    client = account.ecs
    definition = client.describe_task_definition(taskDefinition=account.name)["taskDefinition"]
    assert (definition["cpu"], definition["memory"], definition["networkMode"]) == ("2048", "8192", "awsvpc")
    assert definition["requiresCompatibilities"] == ["FARGATE"]
    [container] = definition["containerDefinitions"]
    assert (container["name"], container["image"]) == ("scaler-container", "image:1")
    role = account.iam.get_role(RoleName="ecsTaskExecutionRole")["Role"]
    assert definition["executionRoleArn"] == role["Arn"]
    assert client.describe_clusters(clusters=[account.name])["clusters"][0]["status"] == "ACTIVE"
    EcsService(account.config())
    assert len(client.list_task_definitions(familyPrefix=account.name)["taskDefinitionArns"]) == 1


def test_settings_that_an_existing_definition_overrules_are_named(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    EcsService(account.config("--ecs-task-image", "image:1"))
    EcsService(account.config("--ecs-task-image", "image:2"))
    assert f"ecs_task_image image:2 has no effect: task definition {account.name} exists" in caplog.text
    assert "ecs_task_cpu" not in caplog.text


def test_a_definition_without_our_container_is_refused(account: Account) -> None:
    account.ecs.register_task_definition(
        family=f"{account.name}-other", containerDefinitions=[{"name": "web", "image": "x", "memory": 1}]
    )
    with pytest.raises(
        EcsError, match="-other has no container 'scaler-container', which runs the workers; it has web"
    ):
        EcsService(account.config("--ecs-task-definition", f"{account.name}-other"))


def test_a_group_is_a_task_whose_workers_have_the_ids_that_are_told(account: Account) -> None:
    async def use(adapter: ECSWorkerAdapter) -> None:
        group_id, worker_ids = await adapter.start_worker_group()
        assert group_id.startswith("ecs-") and len(set(worker_ids)) == 3
        [task] = account.running_tasks()
        environment = environment_of(task)
        assert (environment["PYTHON_VERSION"], environment["PYTHON_REQUIREMENTS"]) == ("3.12.11", "pandas")
        program, *arguments = shlex.split(environment["COMMAND"])
        assert program == "scaler_cluster"
        config = read_command_line(ClusterConfig, "p", "cluster", "", arguments)
        assert str(config.scheduler_address) == "tcp://10.0.0.1:2345"
        assert config.per_worker_capabilities.capabilities == {"linux": -1, "cpu": 8}
        assert (config.heartbeat_interval_seconds, config.preload) == (3, "module:prepare(1, 'a b')")
        workers = [Cluster.from_config(config)._make_worker(name) for name in config.worker_names.names]
        assert [worker.identity.decode() for worker in workers] == worker_ids
        assert adapter.info().groups == {group_id: worker_ids}
        await adapter.shutdown_worker_group(group_id)
        assert (account.running_tasks(), adapter.info().groups) == ([], {})
        with pytest.raises(WorkerGroupNotFoundError):
            await adapter.shutdown_worker_group(group_id)

    arguments = ["--ecs-task-cpu", "3", "--ecs-python-requirements", "pandas", "-pwc", "linux,cpu=8", "-hi", "3"]
    account.run(use, *arguments, "--preload", "module:prepare(1, 'a b')")


def test_ids_are_taken_as_they_are_and_other_names_are_not() -> None:
    identity = f"Worker|ECS|abc|{0:032x}"
    assert WorkerID.generate_worker_id(identity) == identity.encode()
    assert WorkerID.generate_worker_id("host").startswith(b"Worker|host|")


def test_the_command_line_of_every_setting(account: Account) -> None:
    config = account.config(
        "-hps", "-osa", "tcp://10.0.0.1:2346", "-it", "2", "-tts", "9", "-ds", "8", "-gc", "7", "-tm", "6"
    )
    arguments = shlex.split(worker_command(config, [f"Worker|a|{0:032x}"]))[1:]
    made = read_command_line(ClusterConfig, "p", "cluster", "", arguments)
    assert (made.hard_processor_suspend, str(made.object_storage_address)) == (True, "tcp://10.0.0.1:2346")
    assert (made.worker_io_threads, made.task_timeout_seconds, made.death_timeout_seconds) == (2, 9, 8)
    assert (made.garbage_collect_interval_seconds, made.trim_memory_threshold_bytes) == (7, 6)


def test_the_limit_counts_starts_under_way(account: Account) -> None:
    async def use(adapter: ECSWorkerAdapter) -> None:
        results = await asyncio.gather(*(adapter.start_worker_group() for _ in range(4)), return_exceptions=True)
        refused = [result for result in results if isinstance(result, CapacityExceededError)]
        assert (len(refused), len(account.running_tasks())) == (2, 2)
        assert str(refused[0]) == "Maximum number of instances (2) reached."
        await adapter.close()

    account.run(use, "--max-instances", "2")


def test_tasks_that_aws_has_stopped_are_not_counted(account: Account) -> None:
    async def use(adapter: ECSWorkerAdapter) -> None:
        first, _ = await adapter.start_worker_group()
        second, _ = await adapter.start_worker_group()
        tasks = account.running_tasks()
        account.ecs.stop_task(cluster=account.name, task=tasks[0]["taskArn"], reason="host is retired")
        await adapter.reap()
        assert len(adapter.info().groups) == 1 and set(adapter.info().groups) < {first, second}
        await adapter.close()

    account.run(use)


def test_the_end_stops_all_tasks(account: Account) -> None:
    async def use(adapter: ECSWorkerAdapter) -> None:
        for _ in range(3):
            await adapter.start_worker_group()
        await adapter.close()
        assert (account.running_tasks(), adapter.info().groups) == ([], {})
        with pytest.raises(CapacityExceededError):
            await adapter.start_worker_group()

    account.run(use)


def test_the_end_stops_a_task_that_is_being_started_whoever_asked_has_gone(account: Account) -> None:
    async def use(adapter: ECSWorkerAdapter) -> None:
        begun, release = threading.Event(), threading.Event()
        real = adapter._service.run_task

        def run_task(command: str) -> str:
            begun.set()
            release.wait(20)
            return real(command)

        adapter._service.run_task = run_task  # type: ignore[method-assign]
        asking = asyncio.create_task(adapter.start_worker_group())
        await asyncio.to_thread(begun.wait, 20)
        asking.cancel()
        closing = asyncio.create_task(adapter.close())
        await asyncio.sleep(0)
        release.set()
        await closing
        assert (account.running_tasks(), adapter.info().groups) == ([], {})

    account.run(use)


def test_failures_in_the_answer_are_errors(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    service = EcsService(account.config())
    failure = {"failures": [{"arn": "arn:x", "reason": "RESOURCE:CPU"}], "tasks": []}
    monkeypatch.setattr(service._ecs, "run_task", lambda **_: failure)
    with pytest.raises(EcsError, match="run_task failed: arn:x: RESOURCE:CPU"):
        service.run_task("true")
    monkeypatch.setattr(service._ecs, "run_task", lambda **_: {"tasks": []})
    with pytest.raises(EcsError, match="started 0 tasks instead of one"):
        service.run_task("true")


def test_an_aws_that_does_not_answer_does_not_hold_up_the_loop(account: Account) -> None:
    """Everything that waits for AWS does so in threads."""

    async def use(adapter: ECSWorkerAdapter) -> None:
        loop_thread, threads = threading.get_ident(), set()
        real = adapter._service.run_task

        def run_task(command: str) -> str:
            threads.add(threading.get_ident())
            return real(command)

        adapter._service.run_task = run_task  # type: ignore[method-assign]
        await adapter.start_worker_group()
        assert loop_thread not in threads and threads
        await adapter.close()

    account.run(use)


def test_the_command(account: Account, leftovers: Any) -> None:
    with Command("scaler_worker_adapter_ecs", *account.arguments()) as adapter:
        adapter.wait_for("listen to http://")
        url = next(line for line in adapter.output.splitlines() if "listen to" in line).rsplit(" ", 1)[1]
        request = urllib.request.Request(url, data=b'{"action": "start_worker_group"}')
        with urllib.request.urlopen(request, timeout=20) as response:
            assert b"ecs-" in response.read()
        assert len(account.running_tasks()) == 1
        assert adapter.stop() == 0
        assert "Traceback" not in adapter.output
    assert account.running_tasks() == []


def info(account: Account, *arguments: str) -> dict[str, list[str]]:
    """Return the groups of an adapter that has just been started, and stop none of them."""

    async def main() -> dict[str, list[str]]:
        config = account.config(*arguments)
        adapter = ECSWorkerAdapter(config, EcsService(config))
        await adapter.take_over()
        return dict(adapter.info().groups)

    return asyncio.run(main())


def test_what_a_killed_adapter_has_left_is_taken_over_by_the_next_one_of_its_name(account: Account) -> None:
    async def start_two(adapter: ECSWorkerAdapter) -> None:
        for _ in range(2):
            group_id, worker_ids = await adapter.start_worker_group()
            started[group_id] = worker_ids

    started: dict[str, list[str]] = {}
    account.run(start_two, "--adapter-name", "one")  # and is killed: nothing stops its tasks
    assert info(account, "--adapter-name", "another") == {}
    assert info(account, "--adapter-name", "one") == started
    assert len(account.running_tasks()) == 2

    async def use(adapter: ECSWorkerAdapter) -> None:
        await adapter.take_over()
        with pytest.raises(CapacityExceededError):
            await adapter.start_worker_group()
        await adapter.shutdown_worker_group(next(iter(started)))
        assert len(account.running_tasks()) == 1
        await adapter.close()
        assert account.running_tasks() == []

    account.run(use, "--adapter-name", "one", "--max-instances", "2")


def test_what_was_left_with_workers_for_another_scheduler_is_stopped(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    service = EcsService(account.config("--adapter-name", "one"))
    service.run_task(f"scaler_cluster tcp://10.9.9.9:2345 --worker-names 'Worker|ECS|{0:032x}|{0:032x}'")
    service.run_task("scaler_cluster tcp://10.0.0.1:2345 --worker-names a,b")
    service.run_task("'")
    assert info(account, "--adapter-name", "one") == {}
    assert account.running_tasks() == []
    assert caplog.text.count("was left by an earlier adapter, with other workers: stopping it") == 3


def test_any_number_of_tasks_is_taken_over(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scaler.worker_adapter.ecs_service._MOST_TASKS", 2)

    async def start(adapter: ECSWorkerAdapter) -> None:
        for _ in range(5):
            await adapter.start_worker_group()

    account.run(start, "--adapter-name", "one", "--ecs-task-cpu", "1")
    assert len(info(account, "--adapter-name", "one")) == 5
    for task in account.running_tasks():
        account.ecs.stop_task(cluster=account.name, task=task["taskArn"])


def test_the_name_of_an_adapter_is_that_of_its_place_unless_it_is_given(account: Account) -> None:
    def name(*arguments: str) -> str:
        return account.config(*arguments).adapter_name

    assert name("--port", "8080") == name("--port", "8080")
    assert len({name("--port", "8080"), name("--port", "8081"), name(), name()}) == 4  # port 0 is another one each time
    assert name("--adapter-name", "team/one") == "team/one"
    assert all(len(each) <= 36 for each in (name(), name("--port", "8080")))


def test_a_name_that_ecs_does_not_take_is_refused(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        account.config("--adapter-name", "a b")
    assert ended.value.code == 2
    assert "expected 1 to 36 letters, digits, hyphens, underscores and slashes" in capsys.readouterr().err


def test_the_command_takes_over_what_it_left_when_it_was_killed(account: Account, leftovers: Any) -> None:
    def ask(adapter: Command, action: str) -> dict[str, Any]:
        adapter.wait_for("listen to http://")
        url = next(line for line in adapter.output.splitlines() if "listen to" in line).rsplit(" ", 1)[1]
        request = urllib.request.Request(url, data=json.dumps({"action": action}).encode())
        with urllib.request.urlopen(request, timeout=20) as response:
            answer: dict[str, Any] = json.load(response)
        return answer

    with Command("scaler_worker_adapter_ecs", *account.arguments(), "--adapter-name", "one") as adapter:
        group = ask(adapter, "start_worker_group")
        adapter.process.kill()
        adapter.wait()
    assert len(account.running_tasks()) == 1
    with Command("scaler_worker_adapter_ecs", *account.arguments(), "--adapter-name", "one") as adapter:
        groups = ask(adapter, "get_worker_adapter_info")["worker_groups"]
        assert groups == {group["worker_group_id"]: group["worker_ids"]}
        assert adapter.stop() == 0
    assert account.running_tasks() == []


def test_the_command_without_aws_says_so_in_one_line(
    account: Account, leftovers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with Command("scaler_worker_adapter_ecs", *account.arguments()) as adapter:
        assert adapter.wait(40) == 1
        assert adapter.output.splitlines()[-1].startswith("scaler_worker_adapter_ecs: error: AWS: Could not connect")
        assert "Traceback" not in adapter.output


@pytest.mark.parametrize(
    ("flags", "network"),
    [
        (["--no-ecs-assign-public-ip"], {"assignPublicIp": "DISABLED", "securityGroups": ["sg-1", "sg-2"]}),
        ([], {"assignPublicIp": "ENABLED", "securityGroups": ["sg-1", "sg-2"]}),
    ],
)
def test_the_network_of_a_task(
    account: Account, flags: list[str], network: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = EcsService(account.config("--ecs-security-groups", "sg-1,sg-2", *flags))
    asked: list[dict[str, Any]] = []

    def run_task(**arguments: Any) -> dict[str, Any]:
        asked.append(arguments)
        return {"tasks": [{"taskArn": "arn:x"}]}

    monkeypatch.setattr(service._ecs, "run_task", run_task)
    assert service.run_task("true") == "arn:x"
    expected = {"awsvpcConfiguration": {"subnets": [account.subnet], **network}}
    assert (asked[0]["networkConfiguration"], asked[0]["launchType"]) == (expected, "FARGATE")
