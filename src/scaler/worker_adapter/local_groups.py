"""Groups of one process each on this machine: started, watched and stopped without blocking the event loop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Sequence
from typing import Final

from scaler.cluster.supervision import describe_exit
from scaler.utility.identifiers import WorkerID
from scaler.utility.process import ChildProcess
from scaler.worker_adapter.common import CapacityExceededError, WorkerGroupNotFoundError

_logger = logging.getLogger(__name__)

STOP_GRACE_SECONDS: Final = 5.0
"""How long a worker has to take its leave; its started tasks run again elsewhere, unless it was drained before."""
_KILLED_SECONDS: Final = 2.0


class _Group:
    def __init__(self, group_id: str, process: ChildProcess, worker_ids: Sequence[WorkerID]) -> None:
        self.name = f"{process.name} of worker group {group_id}"
        self.process = process
        self.worker_ids = [worker_id.decode() for worker_id in worker_ids]
        self.ended = asyncio.Event()
        self.is_stopping = False


class LocalGroups:
    """The one owner of the processes. A group whose process has ended is forgotten at once.

    One that has ``drain_seconds`` is given that time to end in when it is stopped, unless ``hurried`` is set.
    """

    def __init__(self, hurried: asyncio.Event | None = None) -> None:
        self._hurried = asyncio.Event() if hurried is None else hurried
        self._groups: dict[str, _Group] = {}
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._groups)

    def workers(self) -> dict[str, list[str]]:
        """Return the ids of the workers of each group."""
        return {group_id: group.worker_ids for group_id, group in self._groups.items()}

    async def start(self, group_id: str, process: ChildProcess, worker_ids: Sequence[WorkerID]) -> list[str]:
        """Start a process as a group, and return the ids of its workers. Raise OSError when the system refuses."""
        if self._is_closed:
            raise CapacityExceededError("The adapter shuts down.")
        group = self._groups[group_id] = _Group(group_id, process, worker_ids)  # counted from now on
        try:
            await asyncio.to_thread(process.start)
        except BaseException:
            self._forget(group_id)
            raise
        asyncio.get_running_loop().add_reader(process.sentinel, self._on_end, group_id)
        if self._is_closed:
            process.terminate()
        return group.worker_ids

    async def stop(self, group_id: str) -> None:
        """Stop a group and wait for its end, in bounded time. Raise WorkerGroupNotFoundError."""
        group = self._groups.get(group_id)
        if group is None:
            raise WorkerGroupNotFoundError(f"Worker group with ID {group_id} does not exist.")
        await self._stop(group)

    async def close(self) -> None:
        """Stop all groups at once, and start none any more."""
        self._is_closed = True
        await asyncio.gather(*(self._stop(group) for group in list(self._groups.values())))

    async def _stop(self, group: _Group) -> None:
        if not group.is_stopping:  # to one that drains, a second signal would say that it has no time any more
            group.is_stopping = True
            group.process.terminate()
        if group.process.drain_seconds > 0 and not await self._drains(group):
            group.process.send_signal(signal.SIGINT)
        if not await _ends(group, STOP_GRACE_SECONDS):
            _logger.warning("%s did not stop within %g seconds: killing it", group.name, STOP_GRACE_SECONDS)
            group.process.kill()
            await _ends(group, _KILLED_SECONDS)

    async def _drains(self, group: _Group) -> bool:
        """Return whether a group has ended when its time to drain is over, or all are in a hurry."""
        waits = [asyncio.ensure_future(event.wait()) for event in (group.ended, self._hurried)]
        await asyncio.wait(waits, timeout=group.process.drain_seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return group.ended.is_set()

    def _on_end(self, group_id: str) -> None:
        group = self._groups[group_id]
        if group.process.is_alive():
            return
        asyncio.get_running_loop().remove_reader(group.process.sentinel)
        exit_code = group.process.exitcode
        log = _logger.info if exit_code == 0 or group.is_stopping else _logger.warning
        log("%s ended: %s", group.name, describe_exit(exit_code))
        self._forget(group_id)

    def _forget(self, group_id: str) -> None:
        group = self._groups.pop(group_id)
        group.process.close()
        group.ended.set()


async def _ends(group: _Group, seconds: float) -> bool:
    try:
        await asyncio.wait_for(group.ended.wait(), seconds)
    except asyncio.TimeoutError:
        return False
    return True
