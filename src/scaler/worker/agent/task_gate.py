"""The one import point of the native task gate."""

from scaler.worker.agent._task_gate import SlotState, TaskGate

__all__ = ["SlotState", "TaskGate"]
