"""No setting is lost on the way from a section to the process that it is for."""

import asyncio
import dataclasses
import enum
import typing
from types import SimpleNamespace

import pytest

import scaler.scheduler.scheduler as scheduler_module
import scaler.worker.agent.processors as processors_module
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
from scaler.config.types.zmq import ZMQConfig
from scaler.io.ymq.ymq import Context
from scaler.utility.identifiers import WorkerID
from scaler.worker.worker_settings import WorkerSettings
from scaler.worker_adapter.native import NativeWorkerAdapter
from scaler.worker_adapter.symphony.worker_adapter import SymphonyWorkerAdapter

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
        if field.name in ("worker_id", "task_queue_size", "capabilities", "io_threads"):
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
    said, got = of_workers(config, NativeWorkerAdapter(config, asyncio.Event())._make_worker()._settings)
    assert got == said
    assert set(said) >= {field.name for field in dataclasses.fields(WorkerSettings)} - {"worker_id"}


def test_slots_in_symphony_get_every_setting():
    config = unusual_config(SymphonyWorkerConfig)
    said, got = of_workers(config, SymphonyWorkerAdapter(config)._slot(WorkerID(b"a")))
    assert got == said and len(said) == 11


def test_the_core_of_a_scheduler_gets_every_setting(monkeypatch):
    seen = {}
    real = scheduler_module.CoreSettings

    def core_settings(**values):
        seen.update(values)
        return real(**values)

    def context(io_threads):
        seen["io_threads"] = io_threads
        return Context(io_threads)

    monkeypatch.setattr(scheduler_module, "CoreSettings", core_settings)
    monkeypatch.setattr(scheduler_module, "Context", context)
    here = ZMQConfig.from_string("tcp://127.0.0.1:0")
    config = dataclasses.replace(unusual_config(SchedulerConfig), scheduler_address=here, monitor_address=here)
    scheduler = scheduler_module.Scheduler(config)
    asyncio.run(scheduler.run(lambda *_addresses: scheduler.stop()))
    storage = config.advertised_object_storage_address
    assert (seen.pop("object_storage_host"), seen.pop("object_storage_port")) == (storage.host, storage.port)
    assert len(seen) == 7
    assert seen == {name: getattr(config, name) for name in seen}


def test_a_processor_gets_every_setting_of_its_worker(monkeypatch):
    made = []

    def processor(settings):
        made.append(settings)
        raise OSError("far enough")

    monkeypatch.setattr(processors_module, "Processor", processor)
    worker = Cluster.from_config(unusual_config(ClusterConfig))._make_worker("a")._settings
    interpreter = SimpleNamespace(is_alive=lambda: True)
    prepared = SimpleNamespace(gate=SimpleNamespace(fileno=lambda: 5), resume_descriptor=6, interpreter=interpreter)
    with pytest.raises(OSError, match="far enough"):
        processors_module.Processors(worker, "ipc://x", None, None, prepared).start("tcp://h:1")
    settings = made[0]._asdict()
    assert settings.pop("hard_suspend") == worker.hard_processor_suspend
    common = settings.keys() & {field.name for field in dataclasses.fields(worker)} - {"object_storage_address"}
    assert len(common) == 9
    assert {name: settings[name] for name in common} == {name: getattr(worker, name) for name in common}
