"""Settings of ``scaler_worker_adapter_ecs``, section ``[ecs_worker_adapter]``."""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass

from scaler.config import defaults
from scaler.config.configuration_error import ConfigurationError
from scaler.config.section.adapter_settings import (
    adapter_web_host_setting,
    adapter_web_port_setting,
    adapter_web_token_setting,
    check_adapter_settings,
    io_threads_setting,
    limit_setting,
    worker_setting,
)
from scaler.config.section.logging_settings import (
    logging_config_file_setting,
    logging_level_setting,
    logging_paths_setting,
)
from scaler.config.setting import setting
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.worker import WorkerCapabilities
from scaler.config.types.zmq import ZMQConfig


def _split(values: tuple[str, ...]) -> tuple[str, ...]:
    """Take lists with commas apart."""
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def _expected_name(name: str) -> str:
    """Return what AWS accepts as the starter of tasks, or an empty text when the name is that."""
    is_accepted = re.fullmatch(r"[A-Za-z0-9_/-]{1,36}", name) is not None
    return "" if is_accepted else "1 to 36 letters, digits, hyphens, underscores and slashes"


@dataclass(frozen=True)
class ECSWorkerAdapterConfig:
    """Everything an adapter that starts workers as Fargate tasks of Amazon ECS can be told."""

    scheduler_address: ZMQConfig = worker_setting("scheduler_address")
    adapter_web_host: str = adapter_web_host_setting()
    adapter_web_port: int = adapter_web_port_setting()
    ecs_subnets: tuple[str, ...] = setting(normalise=_split, help="subnets that the tasks are attached to")
    object_storage_address: ObjectStorageConfig | None = worker_setting("object_storage_address")
    adapter_web_token: str | None = adapter_web_token_setting()
    adapter_name: str = setting(
        default=None,
        default_text="made of the scheduler's address and of where the adapter listens; a random one for port 0",
        check=_expected_name,
        help="starter of the tasks, for ECS: an adapter takes over what an earlier one of its name has left",
    )
    aws_access_key_id: str | None = setting(
        default=None, default_text="what boto3 finds, as $AWS_ACCESS_KEY_ID", help="access key of AWS"
    )
    aws_secret_access_key: str | None = setting(
        default=None, default_text="what boto3 finds, as $AWS_SECRET_ACCESS_KEY", help="secret access key of AWS"
    )
    aws_region: str = setting(default="us-east-1", help="region of AWS")
    ecs_cluster: str = setting(default="scaler-cluster", help="ECS cluster, which is made when it does not exist")
    ecs_task_definition: str = setting(
        default="scaler-task-definition",
        help="task definition, family or ARN, which is made when it does not exist; an existing one is used as it is",
    )
    ecs_task_image: str = setting(
        default="public.ecr.aws/v4u8j8r6/scaler:latest", help="container image; it must have this release of Scaler"
    )
    ecs_python_requirements: str = setting(
        default="tomli;pargraph;parfun;pandas", help="packages that the container installs, with semicolons"
    )
    ecs_python_version: str = setting(default="3.12.11", help="Python version of the container")
    ecs_task_cpu: int = setting(default=4, minimum=1, help="virtual processors of a task, and its number of workers")
    ecs_task_memory: int = setting(default=30, minimum=1, help="memory of a task in GiB")
    ecs_security_groups: tuple[str, ...] = setting(
        default=(), default_text="that of the VPC", normalise=_split, help="security groups of the tasks"
    )
    ecs_assign_public_ip: bool = setting(
        default=True, help="give the tasks public addresses, which they need outside of private subnets with a gateway"
    )
    max_instances: int = limit_setting("-mi", help="tasks, that is groups of workers, at once, -1 for no limit")
    io_threads: int = io_threads_setting()
    preload: str | None = worker_setting("preload")
    per_worker_capabilities: WorkerCapabilities = worker_setting("per_worker_capabilities")
    per_worker_task_queue_size: int = worker_setting("per_worker_task_queue_size")
    heartbeat_interval_seconds: float = worker_setting("heartbeat_interval_seconds")
    task_timeout_seconds: float = worker_setting("task_timeout_seconds")
    death_timeout_seconds: float = worker_setting("death_timeout_seconds")
    drain_seconds: float = worker_setting("drain_seconds")
    garbage_collect_interval_seconds: float = worker_setting("garbage_collect_interval_seconds")
    trim_memory_threshold_bytes: int = worker_setting("trim_memory_threshold_bytes")
    hard_processor_suspend: bool = worker_setting("hard_processor_suspend")
    isolated_arguments: bool = worker_setting("isolated_arguments")
    capture_native_output: bool = worker_setting("capture_native_output")
    event_loop: str = setting(
        "-e",
        "-el",
        default=defaults.DEFAULT_EVENT_LOOP,
        choices=("builtin", "uvloop"),
        help="implementation of the asyncio loop of the adapter and of the workers",
    )
    logging_paths: tuple[str, ...] = logging_paths_setting()
    logging_level: str = logging_level_setting()
    logging_config_file: str | None = logging_config_file_setting()

    def __post_init__(self) -> None:
        check_adapter_settings(self, "max_instances")
        if self.adapter_name is None:
            object.__setattr__(self, "adapter_name", self._own_name())
        for name in ("ecs_subnets", "ecs_cluster", "ecs_task_definition", "ecs_task_image"):
            if not getattr(self, name):
                raise ConfigurationError(f"{name} must not be empty")

    def _own_name(self) -> str:
        if self.adapter_web_port == 0:
            return f"scaler-{uuid.uuid4().hex[:24]}"  # it listens elsewhere each time: nobody can be said to come back
        place = f"{self.scheduler_address} {self.adapter_web_host} {self.adapter_web_port}"
        return f"scaler-{hashlib.blake2b(place.encode(), digest_size=12).hexdigest()}"
