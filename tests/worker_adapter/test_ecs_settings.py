"""Settings of the ECS adapter reach AWS, which is a list of what it was asked here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from scaler.config.command_line import read_command_line
from scaler.config.section.ecs_worker_adapter import ECSWorkerAdapterConfig
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
