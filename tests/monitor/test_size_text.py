"""How viewers write sizes."""

from __future__ import annotations

import pytest

from scaler.monitor.size_text import size_text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1.0K"),
        (1536 * 1024, "1.5M"),
        (5 << 20, "5.0M"),
        (3 << 30, "3.0G"),
        (2**50, "1024.0T"),
        (7 << 50, "7168.0T"),
    ],
)
def test_sizes(size_bytes: int, text: str) -> None:
    assert size_text(size_bytes) == text
