"""The two binary records: their bytes, their defaults, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.utility.metadata.profile_result import ProfileResult
from scaler.utility.metadata.task_flags import TaskFlags


def test_golden_task_flags() -> None:
    flags = TaskFlags(profiling=True, priority=7, stream_output=False)
    assert flags.serialize() == bytes.fromhex("010000000700")
    assert TaskFlags.deserialize(bytes.fromhex("010000000700")) == flags
    assert TaskFlags.deserialize(bytes.fromhex("00ffffffff01")) == TaskFlags(False, -1, True)


def test_no_bytes_are_the_default_flags() -> None:
    assert TaskFlags.deserialize(b"") == TaskFlags() == TaskFlags(profiling=True, priority=0, stream_output=False)


@given(st.booleans(), st.integers(-(2**31), 2**31 - 1), st.booleans())
def test_task_flags_travel(profiling: bool, priority: int, stream_output: bool) -> None:
    flags = TaskFlags(profiling, priority, stream_output)
    assert TaskFlags.deserialize(flags.serialize()) == flags


@pytest.mark.parametrize("size", [1, 5, 7, 16])
def test_task_flags_of_wrong_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="6 bytes"):
        TaskFlags.deserialize(bytes(size))


@pytest.mark.parametrize("priority", [2**31, -(2**31) - 1])
def test_priorities_have_32_bits(priority: int) -> None:
    with pytest.raises(ValueError, match="32-bit"):
        TaskFlags(priority=priority).serialize()


def test_golden_profile_result() -> None:
    result = ProfileResult(duration_s=1.5, memory_peak=1024, cpu_time_s=0.25)
    assert result.serialize() == bytes.fromhex("3fc0000000000000000004003e800000")
    assert ProfileResult.deserialize(result.serialize()) == result


@given(st.floats(0, 2**20, width=32), st.integers(0, 2**64 - 1), st.floats(0, 2**20, width=32))
def test_profile_results_travel(duration_s: float, memory_peak: int, cpu_time_s: float) -> None:
    result = ProfileResult(duration_s, memory_peak, cpu_time_s)
    assert ProfileResult.deserialize(result.serialize()) == result


@pytest.mark.parametrize("size", [0, 6, 15, 17])
def test_profile_results_of_wrong_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        ProfileResult.deserialize(bytes(size))


@pytest.mark.parametrize("figures", [{"memory_peak": -1}, {"memory_peak": 2**64}, {"duration_s": 1e300}])
def test_figures_out_of_range_are_refused(figures: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        ProfileResult(**figures).serialize()
