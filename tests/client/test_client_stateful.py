"""Clients called in any order on a real cluster: every future ends as the model says, and nothing is left.

SCALER_STATEFUL_EXAMPLES=n runs so many examples, which are new each time, and shrinks one that fails. Without it the
examples are few and always the same.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import pytest
from client_machine import WORKERS, ClientMachine
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from settle import Settlement

from scaler import SchedulerClusterCombo
from scaler.cluster.scheduler_gauges import SchedulerGauges
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy

_WANTED = int(os.environ.get("SCALER_STATEFUL_EXAMPLES", "0"))
_EXAMPLES = _WANTED or 20
_PHASES = (Phase.generate, Phase.shrink) if _WANTED else (Phase.generate,)


@pytest.mark.timeout(180 + 20 * _WANTED)
def test_every_future_ends_as_the_model_says(leftovers: Any, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    combo = SchedulerClusterCombo(
        n_workers=WORKERS,
        load_balance_seconds=0.2,
        allocate_policy=AllocatePolicy.capability,
        logging_level="WARNING",
        logging_paths=(str(tmp_path / "log"),),
    )
    try:
        combo.wait_for_workers(timeout_seconds=30)
        file_numbers = itertools.count()
        with Settlement(combo) as settlement, SchedulerGauges(combo.get_address()) as gauges:
            run_state_machine_as_test(
                lambda: ClientMachine(
                    combo.get_address(),
                    folder,
                    file_numbers,
                    lambda: gauges.read(10),
                    lambda: settlement.check(workers=WORKERS),
                ),
                settings=settings(
                    max_examples=_EXAMPLES,
                    stateful_step_count=40,
                    derandomize=not _WANTED,
                    database=None,
                    deadline=None,
                    phases=_PHASES,
                    print_blob=False,
                    suppress_health_check=list(HealthCheck),
                ),
            )
    finally:
        combo.shutdown()
