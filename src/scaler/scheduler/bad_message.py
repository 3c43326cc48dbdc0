"""The error of a peer, which costs its message. Every other error in a handler is a defect of the scheduler's own."""

from __future__ import annotations


class BadMessageError(Exception):
    """A message can be read, but says what cannot be, or what its sender may not say."""
