"""Notices that the object storage server was started anew, and lets what it has lost be stored anew.

A server of its own may end and come back while the session with the scheduler goes on. Then functions that count as
stored are not there, and every task that calls one would wait for it in vain.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from scaler.client.agent.client_storage import ClientStorage
from scaler.client.new_object import NewObject
from scaler.utility.exceptions import DisconnectedError, ObjectStorageException

logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 30.0


class StorageWatch:
    """Looks, after the loss of a connection, whether an object is still there that was stored first: the serializer."""

    def __init__(
        self,
        owner: str,
        storage: ClientStorage,
        store: Callable[[Sequence[NewObject]], None],
        forget: Callable[[int], None],
        run_elsewhere: Callable[[Callable[[], None]], None],
    ) -> None:
        """``forget`` is called when everything is lost that was stored before a connection of that number.

        ``run_elsewhere`` runs what may wait for the server.
        """
        self._owner = owner
        self._storage = storage
        self._store = store
        self._forget = forget
        self._run_elsewhere = run_elsewhere
        self._first: NewObject | None = None
        self._known_connection = 0
        self._is_looking = False
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._due_seconds = 0.0

    def begin(self, first: NewObject) -> None:
        """Store the object that is to tell whether the server is still the same. Raise ObjectStorageException."""
        self._store([first])
        self._known_connection = self._storage.connection_number()
        self._first = first

    def look(self, now_seconds: float) -> None:
        """Look whether there is another connection than before, or none; return at once. One thread at a time."""
        if self._first is None or self._is_looking or now_seconds < self._due_seconds:
            return
        if self._storage.connection_number() == self._known_connection:
            return
        try:
            self._is_looking = True
            self._due_seconds = now_seconds + self._pause_seconds
            self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)
            self._run_elsewhere(self._check)
        except BaseException:  # of a signal handler: the look may never come
            self._is_looking = False
            raise

    def close(self) -> None:
        """Look no more, and forget the functions, which refer to whom this belongs to."""
        self._first = None
        self._forget = lambda _: None
        self._store = lambda _: None
        self._run_elsewhere = lambda _: None

    def _check(self) -> None:
        try:
            first = self._first
            if first is None:
                return
            connection = self._storage.connect_again()
            is_lost = self._storage.lacks(first.object_id)
            if connection == 0 or self._storage.connection_number() != connection:
                return  # it may be about another server: there will be another look
            if is_lost:
                logger.warning("%s: the object storage server was started anew: its objects are lost", self._owner)
                self._forget(connection)
                self._store([first])
            self._known_connection = connection
            self._pause_seconds = _FIRST_PAUSE_SECONDS
        except (ObjectStorageException, DisconnectedError) as error:  # it is not back yet: there will be another look
            logger.debug("%s: %s", self._owner, error)
        finally:
            self._is_looking = False
