"""The object storage server as a process, or in this one."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar

from scaler.cluster.reporting_process import ReportingProcess
from scaler.config.section.object_storage_server import ObjectStorageServerConfig
from scaler.config.types.metrics_address import MetricsAddress
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.utility.logging.native_lines import LINE_FORMAT, NativeLines
from scaler.utility.logging.utility import current_level_name, setup_logger
from scaler.utility.network_util import advertised_host, is_loopback

if TYPE_CHECKING:
    from scaler.metrics.exporter import Exporter
    from scaler.object_storage.object_storage_server import ObjectStorageServer

_BIND_TIMEOUT_SECONDS = 10.0
_REACHABLE = "ObjectStorageServer: %s can be reached from other machines, without authentication"


class ObjectStorageServerProcess(ReportingProcess):
    """Runs an object storage server. ``serve`` may be called instead, to do it in this process."""

    NAME: ClassVar = "ObjectStorageServer"
    preparation = "scaler.cluster.preparation:prepare_object_storage_server"

    def __init__(
        self,
        object_storage_address: ObjectStorageConfig,
        logging_paths: tuple[str, ...],
        logging_level: str,
        logging_config_file: str | None,
        memory_limit_bytes: int = 0,
        get_timeout_seconds: float = 0.0,
        shared_memory: bool = True,
        metrics_address: MetricsAddress | None = None,
    ) -> None:
        super().__init__()
        self._object_storage_address = object_storage_address
        self._logging_paths = logging_paths
        self._logging_level = logging_level
        self._logging_config_file = logging_config_file
        self._memory_limit_bytes = memory_limit_bytes
        self._get_timeout_seconds = get_timeout_seconds
        self._shared_memory = shared_memory
        self._metrics_address = metrics_address

    @classmethod
    def from_config(cls, config: ObjectStorageServerConfig) -> ObjectStorageServerProcess:
        """Make the process of a configuration."""
        return cls(**{field.name: getattr(config, field.name) for field in dataclasses.fields(config)})

    @property
    def address(self) -> ObjectStorageConfig:
        """The address with the port that is really bound; known once the server is ready."""
        port = self._readiness.wait(self)[0]
        return ObjectStorageConfig(self._object_storage_address.host, int(port), self._object_storage_address.identity)

    @property
    def metrics_address(self) -> MetricsAddress | None:
        """The address that metrics are really served at, None without them; known once the server is ready."""
        address = self._readiness.wait(self)[1]
        return MetricsAddress.from_string(address) if address else None

    @property
    def advertised_address(self) -> ObjectStorageConfig:
        """The address that others connect to: it differs when the server listens at every address of this machine."""
        bound = self.address
        return ObjectStorageConfig(advertised_host(bound.host), bound.port, bound.identity)

    def run(self) -> None:
        """Set up logging and serve; tell the parent why when it cannot."""
        try:
            setup_logger(self._logging_paths, self._logging_config_file, self._logging_level)
            self.serve()
        except (OSError, ValueError) as error:
            if not self._readiness.has_parent:
                raise
            self._readiness.report_error(str(error))
            sys.exit(1)

    def serve(self) -> None:
        """Serve until SIGINT or SIGTERM; raise OSError when the address cannot be bound."""
        from scaler.object_storage.object_storage_server import ObjectStorageServer

        host, port = _numeric_host(self._object_storage_address.host), self._object_storage_address.port
        server = ObjectStorageServer()
        stopped_by: list[int] = []

        def stop(number: int, frame: FrameType | None) -> None:
            stopped_by.append(number)
            server.shutdown()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        exporter = self._start_metrics(server)
        announcer = threading.Thread(target=self._announce, args=(server, exporter), name="announce-ready")
        announcer.start()
        try:
            with NativeLines() as lines:
                server.run(
                    host,
                    port,
                    self._object_storage_address.identity,
                    current_level_name(),
                    LINE_FORMAT,
                    (lines.path,),
                    self._memory_limit_bytes,
                    self._get_timeout_seconds,
                    self._shared_memory,
                )
        except OSError as error:
            if stopped_by:
                return
            reason = str(error).rsplit(": ", 1)[-1]  # the native text names the numeric address first
            raise OSError(f"cannot listen at {self._object_storage_address}: {reason}") from None
        finally:
            # The interpreter must not end while a thread is in native code; those of the exporter may be, too.
            announcer.join()
            if exporter is not None:
                exporter.close()
        if stopped_by:
            logging.info("ObjectStorageServer: stopped by %s", signal.Signals(stopped_by[0]).name)

    def _start_metrics(self, server: ObjectStorageServer) -> Exporter | None:
        if self._metrics_address is None:
            return None
        from scaler.metrics.exporter import Exporter
        from scaler.metrics.storage_metrics import PREFIX, storage_metrics

        def read() -> Mapping[str, Any]:
            statistics = server.statistics()
            if statistics is None:
                raise ConnectionError("the object storage server does not serve")
            return statistics

        return Exporter(self._metrics_address, read, storage_metrics, PREFIX, os.getpid())

    def _announce(self, server: ObjectStorageServer, exporter: Exporter | None) -> None:
        try:
            server.wait_until_ready(_BIND_TIMEOUT_SECONDS)
        except OSError:
            return  # run() raises the same error in the main thread, which reports it
        host = self._object_storage_address.host
        if not is_loopback(host):
            logging.warning(_REACHABLE, host)
        metrics_address = "" if exporter is None else str(exporter.address)
        if exporter is not None:
            logging.info("ObjectStorageServer: listen to metrics address http://%s/metrics", metrics_address)
            if not is_loopback(exporter.address.host):
                logging.warning(_REACHABLE, metrics_address)
        self._readiness.report(str(server.port()), metrics_address)


def _numeric_host(host: str) -> str:
    """Return the address of a host name, an IPv4 one if there is one; raise OSError for an unknown name."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise OSError(f"unknown host {host!r}: {error.strerror}") from None
    found.sort(key=lambda entry: entry[0] is not socket.AF_INET)
    return str(found[0][4][0])
