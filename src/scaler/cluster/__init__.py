"""Processes of a cluster, to be started from a program."""

from scaler.utility.supported_system import cluster_refusal

if (_refusal := cluster_refusal()) is not None:
    raise ImportError(_refusal)
