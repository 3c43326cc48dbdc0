"""Figures of a scheduler, and of an object storage server, for Prometheus."""
