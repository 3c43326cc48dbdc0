"""Says in words why tasks wait."""

from __future__ import annotations

from scaler.scheduler.task.monitor_state import MonitorState
from scaler.ui.cluster_view import Figures


def waiting_tasks(figures: Figures) -> int:
    """Return how many tasks wait."""
    return figures.report.live.get(MonitorState.inactive, 0)


def why_tasks_wait(figures: Figures) -> list[str]:
    """Return a sentence for each reason; those that no connected worker can run are listed by kind elsewhere."""
    waiting = waiting_tasks(figures)
    if waiting == 0:
        return ["No task waits."]
    if not figures.workers:
        return [f"{_tasks(waiting)}: no worker is connected."]
    unplaceable = min(waiting, sum(shortage.tasks for shortage in figures.report.shortages))
    sentences = []
    if unplaceable:
        sentences.append(f"{_tasks(unplaceable)}: no connected worker can ever run them, see below what they need.")
    if waiting > unplaceable:
        sentences.append(f"{_tasks(waiting - unplaceable)}: {_room_text(figures)}.")
    return sentences


def _room_text(figures: Figures) -> str:
    workers = figures.workers.values()
    staying = [worker for worker in workers if not worker.status.is_draining]
    if not staying:
        return f"all {len(workers)} workers are being drained and get no new tasks"
    busy = sum(1 for worker in staying if worker.status.sent > 0)
    if busy == len(staying):
        return f"all {busy} workers have as many tasks as keep them busy; the next go to whoever is done first"
    idle = len(staying) - busy
    return (
        f"{idle} of {len(staying)} workers are idle; the tasks go to one in a moment, "
        "or wait for those workers that have the capabilities they need"
    )


def _tasks(count: int) -> str:
    return "1 task waits" if count == 1 else f"{count:,} tasks wait"
