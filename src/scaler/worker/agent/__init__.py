"""The agent of a worker: holds its tasks, talks to the scheduler, starts and replaces the processor."""
