"""The rate limiter of one process."""

from __future__ import annotations

import time
from collections.abc import Callable

from fluxgate.limits.limiter import Decision, Limiter
from fluxgate.settings.rate import Rate

__all__ = ["MemoryLimiter"]

MOST_KEYS = 100_000
"""About 15 MB. Beyond it the callers that came first are forgotten first."""


class MemoryLimiter(Limiter):
    """Counts in a dict. Callers who have all of their burst again are forgotten: with each new one, the two that were
    looked at longest ago are looked at, so there are hardly more than those that matter."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns, most_keys: int = MOST_KEYS) -> None:
        self._clock = clock
        self._most_keys = most_keys
        self._full_at: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: str, rate: Rate) -> Decision:
        """Part of Limiter; never to be awaited."""
        now = self._clock()
        interval = rate.interval
        full_at = self._full_at.get(key)
        if full_at is None:
            self._forget(now)
            full_at = now
        elif full_at < now:
            full_at = now
        room = interval * rate.burst - (full_at - now)
        if room < interval:
            return Decision(0, interval - room, full_at - now)
        self._full_at[key] = full_at + interval
        return Decision(room // interval - 1, 0, full_at + interval - now)

    def _forget(self, now: int) -> None:
        known = self._full_at
        for _ in range(min(2, len(known))):
            key = next(iter(known))
            full_at = known.pop(key)
            if full_at > now and len(known) < self._most_keys - 1:
                known[key] = full_at  # to the end of the line
