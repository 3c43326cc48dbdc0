"""The columns of the table of workers: what each shows, what it is sorted by, and with which key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from scaler.monitor.records import Worker
from scaler.monitor.size_text import size_text
from scaler.top import figures

_GROUP_CELLS: Final = 10
_WORKER_CELLS: Final = 20


@dataclass(frozen=True)
class Row:
    """A worker, and the group it was started in, empty when it is in none."""

    group_id: bytes
    worker: Worker

    @property
    def processors_cpu_permille(self) -> int:
        return sum(processor.load.cpu_permille for processor in self.worker.status.processors)

    @property
    def processors_rss_bytes(self) -> int:
        return sum(processor.load.rss_bytes for processor in self.worker.status.processors)


@dataclass(frozen=True)
class Column:
    """One column; ``key`` is empty when it cannot be sorted by. Names stand at the left, figures at the right."""

    name: str
    key: str
    text: Callable[[Row], str]
    order: Callable[[Row], Any]
    least_cells: int
    is_name: bool = False


COLUMNS: Final = (
    Column("group", "g", lambda r: figures.name_text(r.group_id, _GROUP_CELLS), lambda r: r.group_id, 7, True),
    Column(
        "worker",
        "n",
        lambda r: figures.name_text(r.worker.worker_id, _WORKER_CELLS),
        lambda r: r.worker.worker_id,
        _WORKER_CELLS,
        True,
    ),
    Column(
        "agt_cpu",
        "C",
        lambda r: figures.load_text(r.worker.status.agent.cpu_permille),
        lambda r: r.worker.status.agent.cpu_permille,
        9,
    ),
    Column(
        "agt_rss",
        "M",
        lambda r: size_text(r.worker.status.agent.rss_bytes),
        lambda r: r.worker.status.agent.rss_bytes,
        9,
    ),
    Column("cpu", "c", lambda r: figures.load_text(r.processors_cpu_permille), lambda r: r.processors_cpu_permille, 6),
    Column("rss", "m", lambda r: size_text(r.processors_rss_bytes), lambda r: r.processors_rss_bytes, 6),
    Column(
        "os_rss_free",
        "F",
        lambda r: size_text(r.worker.status.rss_free_bytes),
        lambda r: r.worker.status.rss_free_bytes,
        13,
    ),
    Column("free", "f", lambda r: str(r.worker.status.free), lambda r: r.worker.status.free, 6),
    Column("sent", "w", lambda r: str(r.worker.status.sent), lambda r: r.worker.status.sent, 6),
    Column("queued", "d", lambda r: str(r.worker.status.queued), lambda r: r.worker.status.queued, 8),
    Column("suspended", "s", lambda r: str(r.worker.status.suspended), lambda r: r.worker.status.suspended, 11),
    Column(
        "lag",
        "l",
        lambda r: figures.lag_text(r.worker.status.lag_us, r.worker.status.silent_seconds),
        lambda r: r.worker.status.lag_us,
        7,
    ),
    Column("ITL", "", lambda r: figures.printable(r.worker.status.itl), lambda r: r.worker.status.itl, 3),
)
BY_KEY: Final = {column.key: column for column in COLUMNS if column.key}
BY_NAME: Final = {column.name: column for column in COLUMNS}
