"""A cluster whose workers come later, and the web UI beside it in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from browser_screen import Screen, address_of, open_browser
from commands import Command

from scaler import Client, SchedulerClusterCombo


@contextmanager
def watched_cluster(port: int, leftovers: Any) -> Iterator[tuple[Screen, Client, str]]:
    """Yield the screen, a client and the scheduler's address; nothing may be left behind, and no error in the page."""
    with (
        SchedulerClusterCombo(0, address=f"tcp://127.0.0.1:{port}", logging_level="CRITICAL") as combo,
        Command("scaler_ui", f"tcp://127.0.0.1:{port + 2}", "--web-port", "0") as command,
        open_browser() as driver,
        Client(combo.get_address()) as client,
    ):
        screen = Screen(driver, address_of(command))
        driver.get(screen.url)
        yield screen, client, combo.get_address()
        assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
        assert command.stop() == 0, command.output
    leftovers.wait_until_none(10.0)
