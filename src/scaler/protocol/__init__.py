"""The messages, defined by the schemas in ``capnp``."""
