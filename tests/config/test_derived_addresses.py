"""What follows from the address of a scheduler."""

import pytest

from scaler.config.derived_addresses import (
    advertised_scheduler_address,
    advertised_storage_address,
    monitor_taken_for_scheduler,
    own_monitor_address,
    own_storage_address,
)
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.zmq import ZMQConfig


@pytest.mark.parametrize(
    ("scheduler", "storage", "monitor"),
    [
        ("tcp://127.0.0.1:2345", "tcp://127.0.0.1:2346", "tcp://127.0.0.1:2347"),
        ("tcp://name.example:1", "tcp://name.example:2", "tcp://name.example:3"),
        ("tcp://[::1]:2345", "tcp://[::1]:2346", "tcp://[::1]:2347"),
        ("tcp://127.0.0.1:0", "tcp://127.0.0.1:0", "tcp://127.0.0.1:0"),
        ("tcp://127.0.0.1:65534", "tcp://127.0.0.1:65535", "tcp://127.0.0.1:0"),
        ("tcp://127.0.0.1:65535", "tcp://127.0.0.1:0", "tcp://127.0.0.1:0"),
        ("ipc:///tmp/scheduler", "tcp://127.0.0.1:0", "ipc:///tmp/scheduler_monitor"),
    ],
)
def test_next_to_the_scheduler(scheduler, storage, monitor):
    address = ZMQConfig.from_string(scheduler)
    assert str(own_storage_address(address)) == storage
    assert str(own_monitor_address(address)) == monitor


@pytest.mark.parametrize(
    ("monitor", "scheduler"),
    [
        ("tcp://127.0.0.1:2347", "tcp://127.0.0.1:2345"),
        ("tcp://[::1]:3", "tcp://[::1]:1"),
        ("ipc:///tmp/scheduler_monitor", "ipc:///tmp/scheduler"),
    ],
)
def test_who_takes_a_monitor_for_a_scheduler_is_told_where_that_is(monitor, scheduler):
    text = f"what answers at {monitor} is the monitor stream of a scheduler, and not the scheduler"
    assert monitor_taken_for_scheduler(monitor) == f"{text}, which is probably at {scheduler}"


def test_the_address_of_a_scheduler_is_not_guessed_where_it_cannot_be():
    for monitor in ("tcp://127.0.0.1:2", "ipc:///tmp/stream"):
        assert monitor_taken_for_scheduler(monitor).endswith("and not the scheduler")


@pytest.mark.parametrize(
    ("bound", "advertised", "expected"),
    [
        ("tcp://127.0.0.1:2345", None, "tcp://127.0.0.1:2345"),
        ("tcp://10.0.0.1:2345", "tcp://scheduler.example:80", "tcp://scheduler.example:80"),
        ("tcp://0.0.0.0:2345", "tcp://scheduler.example:0", "tcp://scheduler.example:2345"),
    ],
)
def test_what_others_connect_to(bound, advertised, expected):
    scheduler = None if advertised is None else ZMQConfig.from_string(advertised)
    storage = None if advertised is None else ObjectStorageConfig.from_string(advertised)
    assert str(advertised_scheduler_address(ZMQConfig.from_string(bound), scheduler)) == expected
    assert str(advertised_storage_address(ObjectStorageConfig.from_string(bound), storage)) == expected


def test_nobody_is_told_a_wildcard():
    assert advertised_scheduler_address(ZMQConfig.from_string("tcp://0.0.0.0:5"), None).host != "0.0.0.0"
    assert advertised_storage_address(ObjectStorageConfig.from_string("tcp://[::]:5"), None).host != "::"
    assert str(advertised_scheduler_address(ZMQConfig.from_string("ipc:///tmp/x"), None)) == "ipc:///tmp/x"
