"""What the agent says while no scheduler answers."""

from __future__ import annotations

import asyncio
import logging

import pytest

from scaler.protocol import codec
from scaler.worker.agent.patience import Patience


def test_the_address_of_a_monitor_stream_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()
    patience = Patience(loop, "tcp://127.0.0.1:2347")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            patience.on_unexpected(codec.MessageKind.stateScheduler)
            patience.on_unexpected(codec.MessageKind.stateTask)
        patience.on_unexpected(codec.MessageKind.taskLog)
    loop.close()
    first, second = caplog.messages
    assert "tcp://127.0.0.1:2347 is the monitor stream" in first
    assert "probably at tcp://127.0.0.1:2345" in first
    assert "not for workers" in second
