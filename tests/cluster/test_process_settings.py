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
from scaler.config.section.native_worker_adapter import NativeWorkerAdapterConfig
from scaler.config.section.object_storage_server import ObjectStorageServerConfig
from scaler.config.section.scheduler import SchedulerConfig
from scaler.config.section.symphony_worker_adapter import SymphonyWorkerConfig
from scaler.config.setting import setting_of
from scaler.config.types.worker import WorkerCapabilities, WorkerNames
from scaler.utility.identifiers import WorkerID
from scaler.worker.worker_settings import WorkerSettings
from scaler.worker_adapter.native import NativeWorkerAdapter
from scaler.worker_adapter.symphony.worker_adapter import SymphonyWorkerAdapter

# What has to fit each other.
DEFAULTS = {"scaling_controller_strategy", "adapter_webhook_urls"}


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
    return "unusual:function" if field.name == "preload" else __file__


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
        # The last one is for those who stop single workers.
        if field.name in ("worker_id", "task_queue_size", "capabilities", "io_threads", "drain_seconds"):
            continue
        value = getattr(config, field.name)
        assert getattr(settings, field.name) == (value.to_address() if hasattr(value, "to_address") else value)
    assert settings.task_queue_size == config.per_worker_task_queue_size
    assert settings.capabilities == config.per_worker_capabilities.capabilities
    assert settings.io_threads == config.worker_io_threads


# What an adapter's settings are called where a worker's have another name; the rest of them is for the adapter itself.
WORKER_NAMES_OF = {
    "worker_task_queue_size": "task_queue_size",
    "per_worker_capabilities": "capabilities",
    "worker_capabilities": "capabilities",
    "heartbeat_interval": "heartbeat_interval_seconds",
}


def of_workers(config, settings):
    """Return by name what a configuration says of what workers have, and what their settings are."""
    names = {field.name for field in dataclasses.fields(settings)}
    fields = {field.name: WORKER_NAMES_OF.get(field.name, field.name) for field in dataclasses.fields(config)}
    said = {name: getattr(config, field) for field, name in fields.items() if name in names}
    said["scheduler_address"] = str(said["scheduler_address"])
    said["object_storage_address"] = str(said["object_storage_address"])
    said["capabilities"] = said["capabilities"].capabilities
    return said, {name: getattr(settings, name) for name in said}


def test_workers_of_the_native_adapter_get_every_setting():
    config = unusual_config(NativeWorkerAdapterConfig)
    said, got = of_workers(config, NativeWorkerAdapter(config)._make_worker()._settings)
    assert got == said
    assert set(said) >= {field.name for field in dataclasses.fields(WorkerSettings)} - {"worker_id", "drain_seconds"}


def test_slots_in_symphony_get_every_setting():
    config = unusual_config(SymphonyWorkerConfig)
    said, got = of_workers(config, SymphonyWorkerAdapter(config)._slot(WorkerID(b"a")))
    assert got == said and len(said) == 11
