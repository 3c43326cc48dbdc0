"""Adapters, one module an engine; each imports its engine, which only its own interpreter has."""
