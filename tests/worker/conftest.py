"""A real worker between a stand-in for the scheduler and a real object storage."""

from __future__ import annotations

import psutil
import pytest
from process_ends import wait_ended
from worker_bench import SchedulerStandIn, StorageThread, make_worker, processors_of


@pytest.fixture(scope="module")
def storage():
    server = StorageThread()
    yield server
    server.close()


@pytest.fixture
def scheduler(storage):
    stand_in = SchedulerStandIn(storage)
    yield stand_in
    stand_in.close()


@pytest.fixture
def start(scheduler):
    """Return a function that starts workers; they are gone after the test, and so are their processors."""
    workers = []

    def start_worker(**fields):
        worker = make_worker(fields.pop("address", scheduler.address), **fields)
        worker.start()
        workers.append(worker)
        return worker

    yield start_worker
    processors, others = [], []
    for worker in workers:
        if worker.is_alive():
            processors += processors_of(worker)
            others += psutil.Process(worker.pid).children(recursive=True)
        worker.close()
    wait_ended(processors)
    for process in others:  # what tasks have started outlives an agent that is killed
        if process.is_running():
            process.kill()


@pytest.fixture
def worker(start, scheduler):
    process = start()
    scheduler.wait_ready()
    return process


@pytest.fixture
def free_address(storage):
    stand_in = SchedulerStandIn(storage)
    stand_in.close()
    return stand_in.address
