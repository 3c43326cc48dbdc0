"""What a client knows of the task that uses it: the processor it runs in, and how deep it is nested.

The modules of processors are never loaded for this: where they are not loaded, no task is running.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from scaler.worker.agent.processor.processor import Processor

_PROCESSOR_MODULE: Final = "scaler.worker.agent.processor.processor"


def current_processor() -> Processor | None:
    """Return the processor that runs the calling code as part of a task, or None outside of tasks."""
    module = sys.modules.get(_PROCESSOR_MODULE)
    processor: Processor | None = None if module is None else module.Processor.get_current_processor()
    return processor


def next_level() -> int:
    """Return the level of tasks submitted here: 0 outside of tasks, one more than its own in a task."""
    processor = current_processor()
    task = None if processor is None else processor.current_task()
    return 0 if task is None else task.level + 1
