"""Messaging between processes."""
