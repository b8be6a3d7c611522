"""What a rate limiter is: asked before each request, it counts it or refuses it, in one step.

All of them follow the generic cell rate algorithm (GCRA, ITU-T I.371): one number a key, the time at which all that was
taken will have come back. No window ever ends, so nobody can take twice the rate around the end of one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable

import msgspec

from fluxgate.settings.rate import Rate

__all__ = ["Decision", "Limiter", "LimiterDownError"]

_SECOND = 1_000_000_000


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What was decided. `remaining`: requests that would pass right now. In nanoseconds: `wait`, until one would pass
    (0: this one did), and `reset`, until the whole burst would."""

    remaining: int
    wait: int
    reset: int

    @property
    def retry_after(self) -> int:
        """Whole seconds after which a request passes if nobody takes it before."""
        return -(-self.wait // _SECOND)


class LimiterDownError(Exception):
    """Nothing could be counted."""


class Limiter(ABC):
    """Counts requests by key. A refused request counts for nothing."""

    @abstractmethod
    def take(self, key: str, rate: Rate) -> Decision | Awaitable[Decision]:
        """Count one request of `key`, whose `rate` is always the same. To be awaited where somebody else has to be
        asked, which may raise LimiterDownError."""
