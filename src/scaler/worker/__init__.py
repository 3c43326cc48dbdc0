"""Workers: an agent process each, which feeds the processor that runs the tasks."""
