"""The process of a Symphony worker: as many slots as tasks may be in Symphony at once, and one session for all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scaler.utility.process import ChildProcess
from scaler.worker.worker_settings import WorkerSettings

if TYPE_CHECKING:
    from scaler.worker_adapter.symphony.executions import Executions
    from scaler.worker_adapter.symphony.session import SoamSession
    from scaler.worker_adapter.symphony.slot_link import SlotLink

TICK_SECONDS: Final = 0.25


@dataclass(frozen=True)
class SymphonySettings:
    """The settings of one process; there is one of ``slots`` for each task that may run at once."""

    service_name: str
    slots: tuple[WorkerSettings, ...]


class SymphonyWorker(ChildProcess):
    """Runs tasks in a service of Symphony. Its slots are workers to the scheduler; SIGINT and SIGTERM end it."""

    preparation = "scaler.worker_adapter.symphony.preparation:prepare"

    def __init__(self, settings: SymphonySettings) -> None:
        super().__init__(name="SymphonyWorker")
        self._settings = settings

    def run(self) -> None:
        """Serve until all slots were told to leave, or a signal comes; called in the child."""
        from scaler.utility.event_loop import run_in_event_loop
        from scaler.utility.logging.utility import setup_logger

        first = self._settings.slots[0]
        setup_logger(first.logging_paths, first.logging_config_file, first.logging_level)
        exit_code = 1
        try:
            run_in_event_loop(first.event_loop, _serve(self._settings))
            exit_code = 0
        except _NoSessionError as error:
            logging.error("%s", error)
        except Exception:  # the outermost function of the process
            logging.exception("the Symphony worker failed")
        finally:
            logging.shutdown()
            # Not sys.exit: threads that wait in the library of Symphony would be waited for.
            os._exit(exit_code)


class _NoSessionError(Exception):
    """Symphony has refused the first session."""


async def _serve(settings: SymphonySettings) -> None:
    from scaler.io.ymq.ymq import Context
    from scaler.worker.agent.patience import Patience
    from scaler.worker_adapter.symphony.session import SoamSession
    from scaler.worker_adapter.symphony.slot_link import SlotLink

    loop = asyncio.get_running_loop()
    try:
        session = SoamSession(settings.service_name)
        await asyncio.to_thread(session.open)  # what is wrong with it shows before any task comes
    except Exception as error:  # the library says what it may raise nowhere
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise _NoSessionError(f"cannot open a session of the service {settings.service_name}: {text}") from error
    threads = _Threads(settings, session, loop)
    context = Context(settings.slots[0].io_threads)
    patience = Patience(loop, settings.slots[0].scheduler_address)
    links = [SlotLink(slot, context, loop, threads.executions, patience) for slot in settings.slots]

    def stop(number: int) -> None:
        for link in links:
            link.leave(f"received {signal.Signals(number).name}")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    ticking = loop.create_task(_tick_forever([link.tick for link in links]))
    for link in links:
        link.connect()
    await asyncio.gather(*(_until_left(link, slot) for link, slot in zip(links, settings.slots, strict=True)))
    ticking.cancel()
    threads.close()


async def _until_left(link: SlotLink, slot: WorkerSettings) -> None:
    reason = await link.left
    logging.info("worker %s leaves: %s", slot.worker_id.decode(errors="replace"), reason)
    await link.say_goodbye()


async def _tick_forever(ticks: list[Callable[[], None]]) -> None:
    while True:
        for tick in ticks:
            tick()
        await asyncio.sleep(TICK_SECONDS)


class _Threads:
    """The executions of the present address of the object storage; they are made anew when it has moved."""

    def __init__(self, settings: SymphonySettings, session: SoamSession, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._session = session
        self._loop = loop
        self._by_storage: dict[str, Executions] = {}

    def executions(self, storage_address: str) -> Executions:
        """Return what carries tasks out with the objects of that storage."""
        from scaler.worker_adapter.symphony.executions import Executions

        found = self._by_storage.get(storage_address)
        if found is None:
            found = self._by_storage[storage_address] = Executions(
                self._session,
                self._settings.slots[0].scheduler_address,
                storage_address,
                len(self._settings.slots),
                self._post,
            )
        return found

    def close(self) -> None:
        """End all threads, as far as they can be ended."""
        for executions in self._by_storage.values():
            executions.close()

    def _post(self, function: Callable[[], None]) -> None:
        # When the loop is closed, the process ends, and nobody needs the result.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)
