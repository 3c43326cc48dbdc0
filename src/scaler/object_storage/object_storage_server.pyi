"""The object storage server, native. Only its process and its command import this module."""

from typing import Any

class ObjectStorageServer:
    def __init__(self) -> None: ...
    def run(
        self,
        addr: str,
        port: int,
        identity: str = "ObjectStorageServer",
        log_level: str = "INFO",
        log_format: str = "%(levelname)s: %(message)s",
        log_paths: tuple[str, ...] = ("/dev/stdout",),
        memory_limit_bytes: int = 0,
        get_timeout_seconds: float = 0.0,
        shared_memory: bool = False,
    ) -> None:
        """Serve until ``shutdown`` or a Python signal handler raises; the GIL is released meanwhile.

        Port 0 binds any free port. Raise OSError when the address cannot be bound, TypeError for bad log paths,
        ValueError for a bad level. A memory limit of 0 means none, a get time-out of 0 that gets wait for ever. From
        then on the process may open more descriptors and keeps freed memory.
        With shared memory, the identity tells processes of this machine how to share large objects (docs/protocol.md).
        """

    def wait_until_ready(self, timeout_seconds: float | None = None) -> None:
        """Wait, without the GIL, until the server listens. Raise OSError when it could not, TimeoutError when late."""

    def port(self) -> int:
        """Return the bound port; 0 before the server is ready."""

    def shutdown(self) -> None:
        """Let ``run`` return. Any thread may call it."""

    def gauges(self) -> dict[str, int]:
        """Return the size of every table: connections, waiting_requests, ids, contents, content_bytes."""

    def statistics(self) -> dict[str, Any] | None:
        """Return the same and what has happened since the start; None when not serving, or not answering for 5 seconds.

        ``requests`` and ``answers`` are counts by type, ``stored_bytes`` and ``answered_bytes`` are of payloads, and
        ``refused_connections`` were ended because their peers broke the rules of the protocol. Any thread may call it.
        """
