"""Settings of the ECS adapter reach AWS, which is a list of what it was asked here."""

from __future__ import annotations

import dataclasses
import shlex
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from scaler.config.command_line import read_command_line
from scaler.config.section.cluster import ClusterConfig
from scaler.config.section.ecs_worker_adapter import ECSWorkerAdapterConfig
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.worker import WorkerCapabilities
from scaler.config.types.zmq import ZMQConfig
from scaler.worker_adapter.ecs import worker_command
from scaler.worker_adapter.ecs_service import CONTAINER_NAME, EcsService

LINE = (
    "tcp://10.0.0.1:2345 --host h --port 1 --ecs-subnets a,b --aws-access-key-id key --aws-secret-access-key secret "
    "--aws-region eu-central-1 --ecs-cluster some-cluster --ecs-task-definition some-definition "
    "--ecs-python-version 3.13.1 --ecs-python-requirements numpy;scipy"
)


class Aws:
    """Has every cluster and every task definition."""

    exceptions = SimpleNamespace(ClientException=KeyError)

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def session(self, **settings: Any) -> Any:
        self.asked["session"] = settings
        return SimpleNamespace(client=lambda name, **_: self)

    def describe_clusters(self, clusters: list[str]) -> Any:
        return {"clusters": [{"clusterName": name, "status": "ACTIVE"} for name in clusters]}

    def describe_task_definition(self, taskDefinition: str) -> Any:
        container = {"name": CONTAINER_NAME, "image": "some"}
        arn = f"arn:{taskDefinition}"
        return {"taskDefinition": {"taskDefinitionArn": arn, "containerDefinitions": [container]}}

    def run_task(self, **arguments: Any) -> Any:
        self.asked["run_task"] = arguments
        return {"tasks": [{"taskArn": "arn:task"}]}


def test_credentials_region_places_and_python(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = Aws()
    monkeypatch.setattr(boto3, "Session", aws.session)
    config = read_command_line(ECSWorkerAdapterConfig, "p", "ecs_worker_adapter", "", LINE.split())
    assert EcsService(config).run_task("command") == "arn:task"
    assert aws.asked["session"] == {
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
        "region_name": "eu-central-1",
    }
    task = aws.asked["run_task"]
    assert (task["cluster"], task["taskDefinition"]) == ("some-cluster", "arn:some-definition")
    assert task["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == ["a", "b"]
    [container] = task["overrides"]["containerOverrides"]
    environment = {each["name"]: each["value"] for each in container["environment"]}
    assert environment == {
        "COMMAND": "command",
        "PYTHON_REQUIREMENTS": "numpy;scipy",
        "PYTHON_VERSION": "3.13.1",
    }


# Of a cluster, those that the adapter does not say: where the container logs to is its own affair.
NOT_PASSED_ON = {"num_of_workers", "worker_names", "worker_io_threads", "restart_workers"}
NOT_PASSED_ON |= {"logging_paths", "logging_config_file"}
UNUSUAL: dict[str, Any] = {
    "scheduler_address": ZMQConfig.from_string("tcp://10.0.0.1:77"),
    "object_storage_address": ObjectStorageConfig("10.0.0.2", 78),
    "preload": "module:prepare(1, 'a b')",
    "per_worker_capabilities": WorkerCapabilities({"linux": -1, "cpu": 8}),
    "event_loop": "uvloop",
    "logging_level": "DEBUG",
}


def test_workers_in_a_container_get_every_setting() -> None:
    names = {field.name for field in dataclasses.fields(ClusterConfig)} - NOT_PASSED_ON
    switches = {field.name for field in dataclasses.fields(ClusterConfig) if field.default is False} & names
    unusual = {name: UNUSUAL.get(name, name in switches or 7) for name in names}
    config = ECSWorkerAdapterConfig(
        adapter_web_host="h", adapter_web_port=1, ecs_subnets=("a",), io_threads=3, **unusual
    )
    program, *arguments = shlex.split(worker_command(config, [f"Worker|ECS|a|{0:032x}", f"Worker|ECS|a|{1:032x}"]))
    made = read_command_line(ClusterConfig, program, "cluster", "", arguments)
    assert program == "scaler_cluster"
    assert {name: getattr(made, name) for name in names} == unusual
    assert (made.worker_io_threads, made.num_of_workers) == (3, 2)
    assert made.worker_names.names == [f"Worker|ECS|a|{number:032x}" for number in range(2)]
