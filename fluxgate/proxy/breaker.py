"""The circuit breaker of one upstream: after enough failures nobody asks it for a while, then a few do, to see.

closed → open after `failures` in a row, or a share of `ratio` of at least `least` requests within `window`
open → half-open once its time is over, which grows with each time in a row and is spread by chance
half-open → closed with the first success, → open with the first failure; `probes` requests at once may try
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from fluxgate.proxy.failures import UnhealthyError
from fluxgate.proxy.route import BreakerPolicy

__all__ = ["Breaker", "BreakerState"]

BreakerState = Literal["closed", "open", "half-open"]

logger = logging.getLogger("fluxgate.proxy")

_LONGEST_DOUBLING = 16


class Breaker:
    """Every request takes a ticket of `admit()` first, and then says with it, exactly once, how it went: `succeeded`,
    `failed`, or `abandoned` (the client left, nothing is known).

    A ticket is of the state it was given in. What is said with one of an earlier state doesn't count: a request that
    was on its way before the circuit opened must neither close it nor take a trial's place.
    """

    def __init__(self, name: str, policy: BreakerPolicy | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._policy = policy
        self._clock = clock
        self._state: BreakerState = "closed"
        self._in_a_row = 0
        self._recent: deque[tuple[float, bool]] = deque()
        self._recent_failures = 0
        self._until = 0.0
        self._opened_in_a_row = 0
        self._probing = 0
        self._epoch = 0

    @property
    def state(self) -> BreakerState:
        """As the next request finds it."""
        if self._state == "open" and self._clock() >= self._until:
            return "half-open"
        return self._state

    def admit(self) -> int:
        """A ticket, if the upstream may be asked now. Raises UnhealthyError."""
        if self._policy is None or self._state == "closed":
            return self._epoch
        now = self._clock()
        if self._state == "open":
            if now < self._until:
                raise UnhealthyError("it failed too often", retry_after=math.ceil(self._until - now))
            self._change("half-open")
            self._probing = 0
        if self._probing >= self._policy.probes:
            raise UnhealthyError("it is being tried again", retry_after=1)
        self._probing += 1
        return self._epoch

    def succeeded(self, ticket: int) -> None:
        """It answered."""
        if self._policy is None or ticket != self._epoch:
            return
        self._in_a_row = 0
        if self._state == "closed":
            self._note(failed=False)
        else:
            self.reset()

    def failed(self, ticket: int) -> None:
        """It didn't."""
        policy = self._policy
        if policy is None or ticket != self._epoch:
            return
        if self._state == "half-open":
            self._open(policy)
        elif self._state == "closed":
            self._in_a_row += 1
            self._note(failed=True)
            total = len(self._recent)
            too_many = total >= policy.least and self._recent_failures / total >= policy.ratio
            if self._in_a_row >= policy.failures or too_many:
                self._open(policy)

    def abandoned(self, ticket: int) -> None:
        """Nobody waited for its answer."""
        if ticket == self._epoch and self._state == "half-open" and self._probing:
            self._probing -= 1

    def reset(self) -> None:
        """The upstream is well: ask it."""
        if self._state != "closed":
            self._change("closed")
        self._in_a_row = self._opened_in_a_row = self._probing = self._recent_failures = 0
        self._recent.clear()

    def _open(self, policy: BreakerPolicy) -> None:
        pause = min(policy.longest, policy.pause * 2 ** min(self._opened_in_a_row, _LONGEST_DOUBLING))
        pause *= 0.75 + random.random() / 2  # noqa: S311 - replicas must not all come back at once
        self._until = self._clock() + pause
        self._opened_in_a_row += 1
        self._in_a_row = 0
        self._change("open")

    def _change(self, state: BreakerState) -> None:
        level = logging.WARNING if state == "open" else logging.INFO
        logger.log(level, "upstream %s: its circuit is %s", self._name, state)
        self._state = state
        self._epoch += 1

    def _note(self, *, failed: bool) -> None:
        policy = self._policy
        if policy is None:
            return
        now = self._clock()
        self._recent.append((now, failed))
        self._recent_failures += failed
        while self._recent and (self._recent[0][0] < now - policy.window or len(self._recent) > policy.remembered):
            self._recent_failures -= self._recent.popleft()[1]
