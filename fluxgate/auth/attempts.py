"""How many credentials that aren't taken one address may send: enough for mistakes, too few for guessing, and too few
to keep the processor busy with signatures."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict

from fluxgate.address import network_of
from fluxgate.errors import TooManyRequestsError

__all__ = ["Attempts"]

BURST = 30
REFILL = 2.0
"""A second."""
_REMEMBERED = 4096

logger = logging.getLogger("fluxgate.auth")


class Attempts:
    """A budget of failures per client address (per /64 of IPv6)."""

    def __init__(self, burst: int = BURST, refill: float = REFILL) -> None:
        self._burst = burst
        self._refill = refill
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By network: how much of the budget is spent, and when that was so."""

    def check(self, address: str) -> None:
        """Raise TooManyRequestsError if the address has no attempt left. A success costs nothing."""
        if self._spent and self._left(network_of(address), time.monotonic()) < 1:
            raise TooManyRequestsError(
                "Too many attempts with credentials that aren't valid.", code="TOO_MANY_ATTEMPTS", retry_after=1
            )

    def failed(self, address: str) -> None:
        """Count one that failed."""
        network, now = network_of(address), time.monotonic()
        left = self._left(network, now)
        if left < 2:
            logger.warning("%s sends credentials that aren't valid, and is slowed down", network)
        self._spent[network] = (self._burst - left + 1, now)
        self._spent.move_to_end(network)
        if len(self._spent) > _REMEMBERED:
            self._spent.popitem(last=False)

    def _left(self, network: str, now: float) -> float:
        spent, since = self._spent.get(network, (0.0, now))
        return self._burst - max(0.0, spent - (now - since) * self._refill)
