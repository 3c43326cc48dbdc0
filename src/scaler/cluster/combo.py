"""A whole local cluster in a few lines of a program."""

from __future__ import annotations

import time
import weakref
from types import NoneType, TracebackType

from scaler.cluster.cluster import Cluster
from scaler.cluster.object_storage_server import ObjectStorageServerProcess
from scaler.cluster.readiness import ReportingInterpreter
from scaler.cluster.scheduler import SchedulerProcess
from scaler.cluster.supervision import describe_exit, let_drain, stop_all
from scaler.config import defaults
from scaler.config.configuration_error import ConfigurationError
from scaler.config.section.cluster import default_worker_names
from scaler.config.types.metrics_address import MetricsAddress
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.scaling_controller_strategy import ScalingControllerStrategy
from scaler.config.types.zmq import ZMQConfig, ZMQType
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.utility.interpreter import Interpreter
from scaler.utility.process import ChildProcess

_LOCAL_HOST = "127.0.0.1"
# The workers take their leave from the scheduler, and the scheduler uses the storage until its end: hence this order.
# The grace of the cluster is longer than the one it gives to its workers; the sum stays below ten seconds.
_STOP_ORDER = ((Cluster, 5.0), (SchedulerProcess, 3.0), (ObjectStorageServerProcess, 1.0))
_ASKING_PERIOD_SECONDS = 0.02
"""The scheduler tells its gauges only to who asks."""


class SchedulerClusterCombo:
    """An object storage server, a scheduler and ``n_workers`` workers on this machine; a context manager.

    The constructor returns when the scheduler listens, and raises when an address cannot be bound. Without an address a
    free port of this machine is taken. The processes end with ``shutdown``, with this object, or with the application.
    """

    def __init__(
        self,
        n_workers: int,
        address: str | None = None,
        object_storage_address: str | None = None,
        monitor_address: str | None = None,
        per_worker_capabilities: dict[str, int] | None = None,
        worker_io_threads: int = defaults.DEFAULT_IO_THREADS,
        scheduler_io_threads: int = defaults.DEFAULT_IO_THREADS,
        max_number_of_tasks_waiting: int = defaults.DEFAULT_MAX_NUMBER_OF_TASKS_WAITING,
        heartbeat_interval_seconds: float = defaults.DEFAULT_HEARTBEAT_INTERVAL_SECONDS,
        client_timeout_seconds: float = defaults.DEFAULT_CLIENT_TIMEOUT_SECONDS,
        worker_timeout_seconds: float = defaults.DEFAULT_WORKER_TIMEOUT_SECONDS,
        object_retention_seconds: float = defaults.DEFAULT_OBJECT_RETENTION_SECONDS,
        task_timeout_seconds: float = defaults.DEFAULT_TASK_TIMEOUT_SECONDS,
        death_timeout_seconds: float = defaults.DEFAULT_WORKER_DEATH_TIMEOUT,
        load_balance_seconds: float = defaults.DEFAULT_LOAD_BALANCE_SECONDS,
        load_balance_trigger_times: int = defaults.DEFAULT_LOAD_BALANCE_TRIGGER_TIMES,
        garbage_collect_interval_seconds: float = defaults.DEFAULT_GARBAGE_COLLECT_INTERVAL_SECONDS,
        trim_memory_threshold_bytes: int = defaults.DEFAULT_TRIM_MEMORY_THRESHOLD_BYTES,
        per_worker_task_queue_size: int = defaults.DEFAULT_PER_WORKER_QUEUE_SIZE,
        hard_processor_suspend: bool = defaults.DEFAULT_HARD_PROCESSOR_SUSPEND,
        protected: bool = True,
        allocate_policy: AllocatePolicy | str = AllocatePolicy.even,
        event_loop: str = defaults.DEFAULT_EVENT_LOOP,
        shared_memory: bool = True,
        logging_paths: tuple[str, ...] = defaults.DEFAULT_LOGGING_PATHS,
        logging_level: str = defaults.DEFAULT_LOGGING_LEVEL,
        logging_config_file: str | None = None,
        isolated_arguments: bool = defaults.DEFAULT_ISOLATED_ARGUMENTS,
        capture_native_output: bool = defaults.DEFAULT_CAPTURE_NATIVE_OUTPUT,
        restart_workers: bool = defaults.DEFAULT_RESTART_WORKERS,
        metrics_address: str | None = None,
        drain_seconds: float = defaults.DEFAULT_DRAIN_SECONDS,
        object_storage_metrics_address: str | None = None,
    ) -> None:
        _check_types(n_workers, logging_paths, per_worker_capabilities)
        self._n_workers = n_workers
        self._processes: list[ChildProcess] = []
        self._interpreters: list[Interpreter] = []
        self._finalizer = weakref.finalize(self, _stop, self._processes, self._interpreters)
        wanted = ZMQConfig(ZMQType.tcp, _LOCAL_HOST, 0) if address is None else ZMQConfig.from_string(address)
        try:
            storage_interpreter, scheduler_interpreter, cluster_interpreter = self._prepare()
            self._object_storage = ObjectStorageServerProcess(
                object_storage_address=_storage_address(wanted, object_storage_address),
                logging_paths=logging_paths,
                logging_level=logging_level,
                logging_config_file=logging_config_file,
                shared_memory=shared_memory,
                metrics_address=_metrics_address(object_storage_metrics_address),
            )
            self._processes.append(self._object_storage)
            self._object_storage.start_prepared(storage_interpreter)
            self._object_storage_address = self._object_storage.advertised_address
            self._scheduler = SchedulerProcess(
                address=wanted,
                object_storage_address=self._object_storage_address,
                monitor_address=None if monitor_address is None else ZMQConfig.from_string(monitor_address),
                scaling_controller_strategy=ScalingControllerStrategy.NULL,
                adapter_webhook_urls=(),
                io_threads=scheduler_io_threads,
                max_number_of_tasks_waiting=max_number_of_tasks_waiting,
                client_timeout_seconds=client_timeout_seconds,
                worker_timeout_seconds=worker_timeout_seconds,
                object_retention_seconds=object_retention_seconds,
                load_balance_seconds=load_balance_seconds,
                load_balance_trigger_times=load_balance_trigger_times,
                protected=protected,
                allocate_policy=_policy(allocate_policy),
                event_loop=event_loop,
                logging_paths=logging_paths,
                logging_config_file=logging_config_file,
                logging_level=logging_level,
                metrics_address=_metrics_address(metrics_address),
            )
            self._processes.append(self._scheduler)
            self._scheduler.start_prepared(scheduler_interpreter)
            self._address = self._scheduler.address
            self._cluster = Cluster(
                address=self._address,
                object_storage_address=self._object_storage_address,
                preload=None,
                worker_io_threads=worker_io_threads,
                worker_names=default_worker_names(n_workers).names,
                per_worker_capabilities=per_worker_capabilities or {},
                per_worker_task_queue_size=per_worker_task_queue_size,
                heartbeat_interval_seconds=heartbeat_interval_seconds,
                task_timeout_seconds=task_timeout_seconds,
                death_timeout_seconds=death_timeout_seconds,
                garbage_collect_interval_seconds=garbage_collect_interval_seconds,
                trim_memory_threshold_bytes=trim_memory_threshold_bytes,
                hard_processor_suspend=hard_processor_suspend,
                isolated_arguments=isolated_arguments,
                capture_native_output=capture_native_output,
                restart_workers=restart_workers,
                drain_seconds=drain_seconds,
                event_loop=event_loop,
                logging_paths=logging_paths,
                logging_config_file=logging_config_file,
                logging_level=logging_level,
            )
            self._processes.append(self._cluster)
            self._cluster.start(interpreter=cluster_interpreter)
        except BaseException:
            self.shutdown()
            raise

    def get_address(self) -> str:
        """Return the address of the scheduler, which a client is made with."""
        return self._address.to_address()

    def get_metrics_address(self) -> str | None:
        """Return ``host:port`` at which the scheduler serves its metrics, None without ``metrics_address``."""
        address = self._scheduler.metrics_address
        return None if address is None else str(address)

    def get_object_storage_metrics_address(self) -> str | None:
        """Return ``host:port`` at which the object storage serves its own, None without such an address."""
        address = self._object_storage.metrics_address
        return None if address is None else str(address)

    def wait_for_workers(self, n: int | None = None, timeout_seconds: float = 60.0) -> None:
        """Wait until that many workers, by default all, have registered at the scheduler.

        Raise TimeoutError when they have not in time, RuntimeError when a process of the cluster has ended.
        """
        from scaler.cluster.scheduler_gauges import SchedulerGauges

        wanted = self._n_workers if n is None else n
        deadline = time.monotonic() + timeout_seconds
        registered = 0
        with SchedulerGauges(self.get_address()) as gauges:
            while time.monotonic() < deadline:
                self._check_processes()
                try:
                    registered = gauges.read(max(0.001, deadline - time.monotonic()))["workers"]
                except TimeoutError:
                    break  # the time was up before the scheduler had answered
                if registered >= wanted:
                    return
                time.sleep(_ASKING_PERIOD_SECONDS)
        raise TimeoutError(f"{registered} of {wanted} workers have registered within {timeout_seconds:g} seconds")

    def shutdown(self) -> None:
        """Stop all processes, within ten seconds, or ten more than ``drain_seconds`` while tasks run; idempotent."""
        self._finalizer()

    def __enter__(self) -> SchedulerClusterCombo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown()

    def _check_processes(self) -> None:
        for process in self._processes:
            # A cluster without workers ends by itself; others may be started beside this object.
            if not process.is_alive() and (process is not self._cluster or self._n_workers):
                raise RuntimeError(f"{process.name} has ended, {describe_exit(process.exitcode)}")

    def _prepare(self) -> tuple[ReportingInterpreter, ReportingInterpreter, Interpreter]:
        """Spawn all interpreters at once: each loads its code while the addresses it needs are being bound."""
        storage = ObjectStorageServerProcess.prepare()
        self._interpreters.append(storage.interpreter)
        scheduler = SchedulerProcess.prepare()
        self._interpreters.append(scheduler.interpreter)
        cluster = Interpreter(Cluster.NAME, Cluster.preparation, (self._n_workers,))
        self._interpreters.append(cluster)
        return storage, scheduler, cluster


def _stop(processes: list[ChildProcess], interpreters: list[Interpreter]) -> None:
    let_drain(processes)
    for kind, grace_seconds in _STOP_ORDER:
        stop_all([process for process in processes if isinstance(process, kind)], grace_seconds)
    for interpreter in interpreters:  # also of processes that could not be made
        interpreter.close()


def _metrics_address(address: str | None) -> MetricsAddress | None:
    return None if address is None else MetricsAddress.from_string(address)


def _storage_address(scheduler_address: ZMQConfig, address: str | None) -> ObjectStorageConfig:
    if address is not None:
        return ObjectStorageConfig.from_string(address)
    host = scheduler_address.host if scheduler_address.type is ZMQType.tcp else _LOCAL_HOST
    return ObjectStorageConfig(host, 0)


def _check_types(n_workers: object, logging_paths: object, per_worker_capabilities: object) -> None:
    """Raise ConfigurationError for what would otherwise be taken for something else, or fail in another process."""
    if not isinstance(n_workers, int) or n_workers < 0:
        raise ConfigurationError(f"n_workers must be a whole number, at least 0, got {n_workers!r}")
    if isinstance(logging_paths, str):
        raise ConfigurationError(f"logging_paths must be a tuple of paths, such as ({logging_paths!r},)")
    if not isinstance(per_worker_capabilities, (dict, NoneType)):
        raise ConfigurationError(
            f"per_worker_capabilities must be a dict of names with amounts, got {per_worker_capabilities!r}"
        )


def _policy(value: AllocatePolicy | str) -> AllocatePolicy:
    try:
        return AllocatePolicy(value)
    except ValueError:
        names = " or ".join(AllocatePolicy.__members__)
        raise ConfigurationError(f"allocate_policy must be {names}, got {value!r}") from None
