"""The schemas: the only definition of the messages."""
