"""A plugin that blocks the event loop shows in the log, and with the watchdog where it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.brokenplugins import declaring
from tests.support.cli import Site
from tests.support.gateway import wait_for

BLOCKING = declaring(
    "handlers=(ping, block)",
    """
import time
@get("/block", policy=PUBLIC)
async def block() -> str:
    hold_everybody_up()
    return "done"
def hold_everybody_up() -> None:
    time.sleep(0.6)
""",
)


@pytest.mark.parametrize("watchdog", [False, True])
def test_a_block_is_logged_each_time(tmp_path: Path, watchdog: bool) -> None:
    site = Site(tmp_path)
    site.install("blocking", BLOCKING)
    site.configure(f"\n[telemetry]\nwatchdog = {str(watchdog).lower()}\n", enabled=("blocking",))
    with site.serve() as server:

        def told(text: str) -> int:
            return sum(text in line for line in server.log.splitlines())

        for number in range(1, 4):
            server.client.get("/api/blocking/block")
            wait_for(lambda: told("the event loop was blocked for") >= number, 5)  # noqa: B023
        # A record is a line, whatever the stack's own lines are.
        assert told("hold_everybody_up") == (3 if watchdog else 0)
        if not watchdog:
            assert told("hasn't turned") == 0
