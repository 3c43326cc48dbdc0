"""What the ECS adapter asks of AWS. All methods block; they may be called from any thread."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any, Final

from scaler.config.section.ecs_worker_adapter import ECSWorkerAdapterConfig

_logger = logging.getLogger(__name__)

CONTAINER_NAME: Final = "scaler-container"
EXECUTION_ROLE: Final = "ecsTaskExecutionRole"
_EXECUTION_POLICY: Final = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
_COMMAND: Final = "COMMAND"
_UNITS: Final = 1024  # of a virtual processor, and MiB of a GiB
_MOST_TASKS: Final = 100  # that one question may name
_TIMEOUT_SECONDS: Final = 10
_ATTEMPTS: Final = 3


class EcsError(Exception):
    """AWS did not do what it was asked for, and said so in its answer."""


class EcsService:
    """A cluster and a task definition of ECS, made when they are missing. Methods raise EcsError and boto3's errors."""

    def __init__(self, config: ECSWorkerAdapterConfig) -> None:
        import boto3
        from botocore.config import Config

        session = boto3.Session(
            aws_access_key_id=config.aws_access_key_id,
            aws_secret_access_key=config.aws_secret_access_key,
            region_name=config.aws_region,
        )
        options = Config(
            connect_timeout=_TIMEOUT_SECONDS,
            read_timeout=_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        )
        self._config = config
        self._ecs = session.client("ecs", config=options)
        self._iam = session.client("iam", config=options)
        self._make_cluster()
        self._definition_arn = self._find_definition() or self._make_definition()

    def run_task(self, command: str) -> str:
        """Start a task that runs a command line, and return its ARN."""
        config = self._config
        environment = {
            _COMMAND: command,
            "PYTHON_REQUIREMENTS": config.ecs_python_requirements,
            "PYTHON_VERSION": config.ecs_python_version,
        }
        network: dict[str, Any] = {
            "subnets": list(config.ecs_subnets),
            "assignPublicIp": "ENABLED" if config.ecs_assign_public_ip else "DISABLED",
        }
        if config.ecs_security_groups:
            network["securityGroups"] = list(config.ecs_security_groups)
        answer = self._ecs.run_task(
            cluster=config.ecs_cluster,
            taskDefinition=self._definition_arn,
            launchType="FARGATE",
            count=1,
            startedBy=config.adapter_name,
            overrides={
                "containerOverrides": [
                    {
                        "name": CONTAINER_NAME,
                        "environment": [{"name": name, "value": value} for name, value in environment.items()],
                    }
                ]
            },
            networkConfiguration={"awsvpcConfiguration": network},
        )
        _refuse_failures("run_task", answer)
        tasks = answer.get("tasks", [])
        if len(tasks) != 1:
            raise EcsError(f"run_task started {len(tasks)} tasks instead of one")
        return str(tasks[0]["taskArn"])

    def own_tasks(self) -> dict[str, str]:
        """Return the tasks of adapters of this name that are to run, each with its command line, empty for none."""
        config = self._config
        pages = self._ecs.get_paginator("list_tasks").paginate(
            cluster=config.ecs_cluster, startedBy=config.adapter_name, desiredStatus="RUNNING"
        )
        arns = [arn for page in pages for arn in page["taskArns"]]
        return {
            task["taskArn"]: _command_of(task)
            for task in self._describe(arns)["tasks"]
            if task.get("desiredStatus") != "STOPPED"
        }

    def stop_task(self, task_arn: str) -> None:
        """Stop a task; one that has stopped long ago, so that AWS has forgotten it, is fine."""
        if task_arn in self.stopped_tasks([task_arn]):
            return
        answer = self._ecs.stop_task(
            cluster=self._config.ecs_cluster, task=task_arn, reason="Shutdown requested by ecs adapter"
        )
        _refuse_failures("stop_task", answer)

    def stopped_tasks(self, task_arns: Sequence[str]) -> dict[str, str]:
        """Return which of the tasks have stopped, or are about to, each with the reason."""
        answer = self._describe(task_arns)
        stopped = {
            failure["arn"]: "ECS does not know it any more"
            for failure in answer["failures"]
            if failure.get("reason") == "MISSING"
        }
        for task in answer["tasks"]:
            if "STOPPED" in (task.get("desiredStatus"), task.get("lastStatus")):
                stopped[task["taskArn"]] = task.get("stoppedReason") or "without a reason"
        return stopped

    def _describe(self, task_arns: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Return the tasks that AWS knows, and its failures, of any number."""
        found: dict[str, list[dict[str, Any]]] = {"tasks": [], "failures": []}
        for first in range(0, len(task_arns), _MOST_TASKS):
            batch = list(task_arns[first : first + _MOST_TASKS])
            answer = self._ecs.describe_tasks(cluster=self._config.ecs_cluster, tasks=batch)
            for kind, entries in found.items():
                entries += answer.get(kind, [])
        return found

    def _make_cluster(self) -> None:
        name = self._config.ecs_cluster
        clusters = self._ecs.describe_clusters(clusters=[name]).get("clusters", [])
        if not any(cluster.get("status") == "ACTIVE" for cluster in clusters):
            _logger.info("ECS cluster %s is missing: making it", name)
            self._ecs.create_cluster(clusterName=name)

    def _find_definition(self) -> str | None:
        name = self._config.ecs_task_definition
        try:
            definition = self._ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]
        except self._ecs.exceptions.ClientException:
            return None
        containers = {container["name"]: container for container in definition["containerDefinitions"]}
        if CONTAINER_NAME not in containers:
            raise EcsError(
                f"ecs_task_definition {name} has no container {CONTAINER_NAME!r}, which runs the workers; "
                f"it has {', '.join(containers)}"
            )
        wanted = self._wanted(containers[CONTAINER_NAME], definition)
        for setting, (there, asked) in wanted.items():
            if there != asked:
                _logger.warning("%s %s has no effect: task definition %s exists, with %s", setting, asked, name, there)
        return str(definition["taskDefinitionArn"])

    def _wanted(self, container: dict[str, Any], definition: dict[str, Any]) -> dict[str, tuple[str, str]]:
        """Return what an existing definition says, and what the configuration does."""
        config = self._config
        return {
            "ecs_task_image": (str(container.get("image")), config.ecs_task_image),
            "ecs_task_cpu": (str(definition.get("cpu")), str(config.ecs_task_cpu * _UNITS)),
            "ecs_task_memory": (str(definition.get("memory")), str(config.ecs_task_memory * _UNITS)),
        }

    def _make_definition(self) -> str:
        config = self._config
        _logger.info("ECS task definition %s is missing: making it", config.ecs_task_definition)
        answer = self._ecs.register_task_definition(
            family=config.ecs_task_definition,
            cpu=str(config.ecs_task_cpu * _UNITS),
            memory=str(config.ecs_task_memory * _UNITS),
            runtimePlatform={"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
            networkMode="awsvpc",
            containerDefinitions=[
                {
                    "name": CONTAINER_NAME,
                    "image": config.ecs_task_image,
                    "essential": True,
                    "memory": config.ecs_task_memory * _UNITS,
                }
            ],
            requiresCompatibilities=["FARGATE"],
            executionRoleArn=self._execution_role_arn(),
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def _execution_role_arn(self) -> str:
        try:
            return str(self._iam.get_role(RoleName=EXECUTION_ROLE)["Role"]["Arn"])
        except self._iam.exceptions.NoSuchEntityException:
            _logger.info("IAM role %s is missing: making it", EXECUTION_ROLE)
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        answer = self._iam.create_role(RoleName=EXECUTION_ROLE, AssumeRolePolicyDocument=json.dumps(trust))
        self._iam.attach_role_policy(RoleName=EXECUTION_ROLE, PolicyArn=_EXECUTION_POLICY)
        return str(answer["Role"]["Arn"])


def _command_of(task: dict[str, Any]) -> str:
    for container in task.get("overrides", {}).get("containerOverrides", []):
        for variable in container.get("environment", []):
            if container.get("name") == CONTAINER_NAME and variable["name"] == _COMMAND:
                return str(variable["value"])
    return ""


def _refuse_failures(action: str, answer: dict[str, Any]) -> None:
    failures = answer.get("failures", [])
    if failures:
        reasons = "; ".join(f"{each.get('arn', 'task')}: {each.get('reason', each)}" for each in failures)
        raise EcsError(f"{action} failed: {reasons}")
