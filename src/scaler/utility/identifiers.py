"""The identifiers that travel in messages: byte strings with a type each."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import threading
from collections.abc import Iterable
from typing import Final

from scaler.utility.process_mark import ProcessMark

_SERIALIZER_TAG: Final = hashlib.md5(b"serializer", usedforsecurity=False).digest()
_HASH_BYTES: Final = 16
_RANDOM_BYTES: Final = 16
_WORKER_IDENTITY: Final = re.compile(r"Worker\|.+\|[0-9a-f]{32}")


class _Identifier(bytes):
    """A byte string whose repr names its type; equal to any bytes of the same content."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.hex()})"

    def __str__(self) -> str:
        return repr(self)


class _NamedIdentifier(_Identifier):
    """An identifier that is readable text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.decode(errors='backslashreplace')})"


class ClientID(_NamedIdentifier):
    """``Client|<32 hex>`` or ``Client|<name>|<32 hex>``."""

    __slots__ = ()

    @staticmethod
    def generate_client_id(name: str | None = None) -> ClientID:
        """Return a new, random identity."""
        parts = (
            ["Client", os.urandom(_RANDOM_BYTES).hex()]
            if name is None
            else ["Client", name, os.urandom(_RANDOM_BYTES).hex()]
        )
        return ClientID("|".join(parts).encode())

    def owner_hash(self) -> bytes:
        """Return with which 16 bytes the ids of all objects of this client begin: the MD5 of its id."""
        return hashlib.md5(self, usedforsecurity=False).digest()


class WorkerID(_NamedIdentifier):
    """``Worker|<name>|<32 hex>``; the empty one is invalid."""

    __slots__ = ()

    @staticmethod
    def generate_worker_id(name: str) -> WorkerID:
        """Return a new, random identity; a name that is an identity already is taken as it is.

        So who starts workers on another machine, by their names, knows their identities.
        """
        if _WORKER_IDENTITY.fullmatch(name) is not None:
            return WorkerID(name.encode())
        return WorkerID(f"Worker|{name}|{os.urandom(_RANDOM_BYTES).hex()}".encode())

    @staticmethod
    def invalid_worker_id() -> WorkerID:
        """Return the identity that stands for no worker."""
        return WorkerID(b"")

    def is_valid(self) -> bool:
        """Return whether this is the identity of a worker."""
        return len(self) > 0


class ProcessorID(_Identifier):
    """The routing identity of one processor at its agent."""

    __slots__ = ()

    @staticmethod
    def generate_processor_id() -> ProcessorID:
        """Return a new, random identity."""
        return ProcessorID(os.urandom(_RANDOM_BYTES))


class TaskID(_Identifier):
    """16 bytes, unique among all tasks."""

    __slots__ = ()

    @staticmethod
    def generate_task_id() -> TaskID:
        """Return a new, random id. Many ids at low cost come from ``TaskIDGenerator``."""
        return TaskID(os.urandom(_RANDOM_BYTES))


class TaskIDGenerator:
    """Makes task ids at the cost of a counter: a random prefix of 8 bytes and a number. Thread-safe."""

    def __init__(self) -> None:
        self._prefix = os.urandom(8)
        self._numbers = itertools.count()  # next() of a count is atomic in CPython
        self._process = ProcessMark()
        self._lock = threading.Lock()

    def __call__(self) -> TaskID:
        """Return the next id."""
        if not self._process.is_own:  # a forked child must not repeat its parent's ids
            with self._lock:
                self._prefix, self._process = os.urandom(8), ProcessMark()
        return TaskID(self._prefix + next(self._numbers).to_bytes(8, "big"))


class ObjectID(_Identifier):
    """32 bytes: a hash of the owner's id, then a tag that is unique among the owner's objects."""

    __slots__ = ()
    SIZE: Final = 2 * _HASH_BYTES

    def __new__(cls, value: bytes) -> ObjectID:
        if len(value) != cls.SIZE:
            raise ValueError(f"an object id has {cls.SIZE} bytes, but got {len(value)}")
        return super().__new__(cls, value)

    def __repr__(self) -> str:
        return f"ObjectID(owner_hash={self.owner_hash().hex()}, object_tag={self.object_tag().hex()})"

    @staticmethod
    def generate_object_id(owner: ClientID) -> ObjectID:
        """Return a new, random id of an object that belongs to the client."""
        return ObjectID(owner.owner_hash() + os.urandom(_RANDOM_BYTES))

    @staticmethod
    def generate_content_object_id(owner: ClientID, content: bytes) -> ObjectID:
        """Return the id of an object of the client that is named by its content (blake2b of 128 bits)."""
        return ObjectID(owner.owner_hash() + hashlib.blake2b(content, digest_size=_HASH_BYTES).digest())

    @staticmethod
    def generate_serializer_object_id(owner: ClientID) -> ObjectID:
        """Return the id of the client's one serializer."""
        return ObjectID(owner.owner_hash() + _SERIALIZER_TAG)

    def owner_hash(self) -> bytes:
        """Return the first half: the MD5 of the owner's id."""
        return self[:_HASH_BYTES]

    def object_tag(self) -> bytes:
        """Return the second half."""
        return self[_HASH_BYTES:]

    def is_serializer(self) -> bool:
        """Return whether this names a client's serializer."""
        return self.object_tag() == _SERIALIZER_TAG

    def is_owner(self, owner: ClientID) -> bool:
        """Return whether the object belongs to the client."""
        return self.owner_hash() == owner.owner_hash()


def digest_of(task_ids: Iterable[bytes]) -> int:
    """Return the digest by which scheduler and worker compare the tasks of the worker (docs/protocol.md, section 1).

    It is the exclusive or of the first 8 bytes of the hash of every id.
    """
    digest = 0
    for task_id in task_ids:
        digest ^= int.from_bytes(hashlib.blake2b(task_id, digest_size=8).digest(), "little")
    return digest
