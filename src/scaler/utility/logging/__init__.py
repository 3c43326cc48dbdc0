"""One logging set-up for all processes."""
