"""How late the event loop is: a timer ten times a second, and the difference to when it was due.

A loop that was blocked stalls every request of every plugin, so a long one is logged. Its timer may have become due
anywhere within a block, so a block of `BLOCKED + EVERY` seconds is always noticed, and none shorter than `BLOCKED`.
"""

from __future__ import annotations

import asyncio
import logging

from fluxgate.telemetry.histogram import Histogram
from fluxgate.telemetry.watchdog import Watchdog

__all__ = ["LoopLag"]

EVERY = 0.1
BLOCKED = 0.25
"""Seconds of lateness that are logged."""
_BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

logger = logging.getLogger("fluxgate.telemetry")


class LoopLag:
    """Measures the loop that `start` is called on. `watch`: log where a block is, too, while it lasts."""

    def __init__(self, *, watch: bool = False) -> None:
        self.seconds = Histogram(_BOUNDS)
        self.longest = 0.0
        """Since it was read last, see `take_longest`."""
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._watch = watch
        self._watchdog: Watchdog | None = None

    def start(self) -> None:
        """Begin."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + EVERY
        self._timer = loop.call_at(self._due, self._tick, loop)
        if self._watch:
            self._watchdog = Watchdog(BLOCKED)
            self._watchdog.start()

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._watchdog is not None:
            self._watchdog.stop()
            self._watchdog = None

    def take_longest(self) -> float:
        """The longest lateness in seconds since this was asked last."""
        longest, self.longest = self.longest, 0.0
        return longest

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        late = max(0.0, now - self._due)
        self.seconds.observe(late)
        self.longest = max(self.longest, late)
        if self._watchdog is not None:
            self._watchdog.beat()
        if late > BLOCKED:
            logger.warning("the event loop was blocked for %.2f s: every request waited for it", late)
        self._due = now + EVERY
        self._timer = loop.call_at(self._due, self._tick, loop)
