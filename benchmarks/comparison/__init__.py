"""Runs one set of workloads on several engines, each in an interpreter of its own, and compares the figures."""
