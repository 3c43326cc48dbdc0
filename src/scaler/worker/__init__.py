"""Worker processes: the agent and its processors."""
