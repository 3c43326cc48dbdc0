"""Processes of a cluster, to be started from a program."""
