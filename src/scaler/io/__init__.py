"""Transport of messages and objects."""
