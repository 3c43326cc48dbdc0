"""The agent, which holds a worker's tasks and feeds its processors."""
