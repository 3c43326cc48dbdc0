"""Sends tasks to workers that offer what they need: a second set of workers has a GPU, by name and amount.

Starts a local cluster of its own, and one worker more beside it. Usage: python examples/task_capabilities.py
"""

import concurrent.futures

from scaler import Client, Cluster, SchedulerClusterCombo
from scaler.config.section.cluster import ClusterConfig
from scaler.config.types.worker import WorkerCapabilities, WorkerNames
from scaler.config.types.zmq import ZMQConfig
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy


def describe(what: str) -> str:
    return f"{what} ran"


with (
    SchedulerClusterCombo(
        n_workers=1,
        allocate_policy=AllocatePolicy.capability,
        per_worker_capabilities={"linux": -1},
        logging_level="ERROR",
    ) as combo,
    Client(address=combo.get_address()) as client,
):
    anywhere = client.submit(describe, "a task without needs")
    on_linux = client.submit_verbose(describe, ("a task that needs linux",), {}, capabilities={"linux": -1})
    on_gpus = client.submit_verbose(describe, ("a task that needs two GPUs",), {}, capabilities={"gpu": 2})
    print(anywhere.result())
    print(on_linux.result())
    try:
        on_gpus.result(timeout=0.5)
    except concurrent.futures.TimeoutError:
        print("the task that needs two GPUs waits: no worker has any")

    config = ClusterConfig(
        scheduler_address=ZMQConfig.from_string(combo.get_address()),
        worker_names=WorkerNames(["with-gpus"]),
        per_worker_capabilities=WorkerCapabilities({"linux": -1, "gpu": 4}),
        num_of_workers=1,
        logging_level="ERROR",
    )
    gpu_cluster = Cluster.from_config(config)
    gpu_cluster.start()
    print(on_gpus.result())
    gpu_cluster.terminate()
    gpu_cluster.join()
