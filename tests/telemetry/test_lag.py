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
    time.sleep(0.4)
""",
)


@pytest.mark.parametrize("watchdog", [False, True])
def test_a_block_is_logged_each_time(tmp_path: Path, watchdog: bool) -> None:
    site = Site(tmp_path)
    site.install("blocking", BLOCKING)
    site.configure(f"\n[telemetry]\nwatchdog = {str(watchdog).lower()}\n", enabled=("blocking",))
    with site.serve() as server:
        for number in range(1, 4):
            server.client.get("/api/blocking/block")
            wait_for(lambda: server.log.count("the event loop was blocked for") >= number, 5)  # noqa: B023
        stacks = server.log.count("the event loop has been blocked for")
        assert (stacks, "hold_everybody_up" in server.log) == ((3, True) if watchdog else (0, False))
        if watchdog:
            assert "\\n" in next(line for line in server.log.splitlines() if "hold_everybody_up" in line)
