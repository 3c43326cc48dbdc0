"""No setting is lost on the way from a section to the process that it is for."""

import dataclasses
import enum
import typing

import pytest

from scaler.cluster.cluster import Cluster
from scaler.cluster.object_storage_server import ObjectStorageServerProcess
from scaler.cluster.scheduler import SchedulerProcess
from scaler.config.conversion import field_type, is_many
from scaler.config.section.cluster import ClusterConfig
from scaler.config.section.object_storage_server import ObjectStorageServerConfig
from scaler.config.section.scheduler import SchedulerConfig
from scaler.config.setting import setting_of
from scaler.config.types.worker import WorkerCapabilities, WorkerNames

# What has to fit each other, and what is for the storage server beside a scheduler.
DEFAULTS = {"scaling_controller_strategy", "adapter_webhook_urls", "object_storage_metrics_address"}


def unusual_value(field, kind):
    """Return a value of a setting that is not its default."""
    if setting_of(field).choices:
        return next(choice for choice in setting_of(field).choices if choice != field.default)
    if hasattr(kind, "to_address"):
        return kind.from_string("tcp://unusual.example:77")
    if is_many(kind):
        return ("/unusual",)
    if kind is bool:
        return not field.default
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return next(member for member in kind if member is not field.default)
    if kind is WorkerNames:
        return WorkerNames(["a", "b", "c"])
    if kind is WorkerCapabilities:
        return WorkerCapabilities({"unusual": 5})
    if kind in (int, float):
        return 3
    return __file__


def unusual_config(config_class):
    kinds = typing.get_type_hints(config_class)
    fields = [field for field in dataclasses.fields(config_class) if field.name not in DEFAULTS]
    return config_class(**{field.name: unusual_value(field, field_type(kinds[field.name])) for field in fields})


@pytest.mark.parametrize(("process", "config_class"), [(SchedulerProcess, SchedulerConfig), (Cluster, ClusterConfig)])
def test_a_process_gets_every_setting(process, config_class):
    config = unusual_config(config_class)
    assert process.from_config(config)._config == config


def test_the_object_storage_server_gets_every_setting():
    config = unusual_config(ObjectStorageServerConfig)
    values = ObjectStorageServerProcess.from_config(config).__dict__
    assert {field.name: values[f"_{field.name}"] for field in dataclasses.fields(config)} == dataclasses.asdict(
        config, dict_factory=dict
    ) | {"object_storage_address": config.object_storage_address}


def test_a_worker_gets_every_setting_of_its_cluster():
    config = unusual_config(ClusterConfig)
    settings = Cluster.from_config(config)._make_worker("a")._settings
    for field in dataclasses.fields(settings):
        if field.name in ("worker_id", "task_queue_size", "capabilities", "io_threads"):
            continue
        value = getattr(config, field.name)
        assert getattr(settings, field.name) == (value.to_address() if hasattr(value, "to_address") else value)
    assert settings.task_queue_size == config.per_worker_task_queue_size
    assert settings.capabilities == config.per_worker_capabilities.capabilities
    assert settings.io_threads == config.worker_io_threads
