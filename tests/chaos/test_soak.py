"""A short run of the soak: churn of clients, workers and objects, after which nothing has grown and nothing is left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "soak.py"


@pytest.mark.timeout(300)
def test_nothing_grows_under_churn(leftovers: Any) -> None:
    ended = subprocess.run(
        [sys.executable, str(_SCRIPT), "--minutes", "2"], timeout=260, capture_output=True, text=True, check=False
    )
    print(ended.stdout[-5000:], ended.stderr[-5000:])
    assert ended.returncode == 0, ended.stdout[-2000:]
    assert "grew by" in ended.stdout
