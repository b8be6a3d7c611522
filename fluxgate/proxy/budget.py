"""How many retries an upstream gets: a share of its requests, and a few a second besides. Without a limit, retries are
what keeps a service down that is only overloaded.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["RetryBudget"]


class RetryBudget:
    """`share` of the requests may be tried again, and `least` a second in any case, saved up for `seconds`."""

    def __init__(
        self,
        share: float = 0.2,
        least: float = 1.0,
        seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._share = share
        self._least = least
        self._most = least * seconds
        self._clock = clock
        self._tokens = self._most
        self._at = clock()

    def asked(self) -> None:
        """A request goes to the upstream."""
        self._tokens = min(self._most, self._tokens + self._share)

    def take(self) -> bool:
        """Whether one more try may be made."""
        now = self._clock()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._least)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
