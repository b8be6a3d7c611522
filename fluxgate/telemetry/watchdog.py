"""Says where the event loop hangs while it hangs: a thread that looks whether the loop still turns.

Afterwards only the length of a block is known. The thread costs a wake-up every `LOOK` seconds, so it runs only where
`telemetry.watchdog` asks for it.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback

__all__ = ["Watchdog"]

LOOK = 0.1
_FRAMES = 12
"""The innermost frames of the stack that are logged."""

logger = logging.getLogger("fluxgate.telemetry")


class Watchdog:
    """Watches the thread that makes it. `beat()` is the loop's sign of life; `limit` seconds after the last one the
    stack is logged, once for each block. A block of `limit + LOOK` seconds is never missed."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._watched = threading.get_ident()
        self._beat = time.monotonic()
        self._told = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="fluxgate watchdog", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._beat = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def beat(self) -> None:
        """The loop turns."""
        self._beat = time.monotonic()
        self._told = False

    def _watch(self) -> None:
        while not self._ended.wait(LOOK):
            silent = time.monotonic() - self._beat
            if silent > self._limit and not self._told:
                self._told = True
                frame = sys._current_frames().get(self._watched)
                if frame is not None:
                    stack = "".join(traceback.format_stack(frame)[-_FRAMES:])
                    logger.warning("the event loop hasn't turned for %.2f s, it is here:\n%s", silent, stack)
