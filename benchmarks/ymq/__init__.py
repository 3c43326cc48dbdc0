"""Our messaging against pyzmq."""
