"""What happens while the shared limiter is down: another decides, at once, until it is back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Protocol

from fluxgate.errors import UnavailableError
from fluxgate.limits.limiter import Decision, Limiter, LimiterDownError
from fluxgate.settings.rate import Rate

__all__ = ["Allow", "Failover", "Refuse", "Shared"]

logger = logging.getLogger("fluxgate.limits")

RETRY = 1.0
"""Seconds between two looks whether it is back."""


class Shared(Protocol):
    """A limiter that can be down."""

    def take(self, key: str, rate: Rate) -> Awaitable[Decision]:
        """As Limiter's; may raise LimiterDownError."""

    async def ping(self) -> None:
        """Raises LimiterDownError while it is down."""

    async def close(self) -> None:
        """It isn't needed any more."""


class Allow(Limiter):
    """Counts nothing."""

    def take(self, key: str, rate: Rate) -> Decision:
        """Part of Limiter."""
        return Decision(rate.burst, 0, 0)


class Refuse(Limiter):
    """Lets nothing pass."""

    def take(self, key: str, rate: Rate) -> Decision:
        """Raises UnavailableError."""
        raise UnavailableError("Requests can't be counted at present.", code="LIMITER_DOWN", retry_after=1)


class Failover(Limiter):
    """Asks `shared`, or `instead` from the moment at which it fails until it answers again. That is tried in the
    background: of a dead server only those requests take notice which were waiting for it when it died."""

    def __init__(self, shared: Shared, instead: Limiter, retry: float = RETRY) -> None:
        self._shared = shared
        self._instead = instead
        self._retry = retry
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Find out whether it is there; it needn't be."""
        try:
            await self._shared.ping()
        except LimiterDownError as error:
            self._lost(error)

    async def stop(self) -> None:
        """Close it."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        await self._shared.close()

    def take(self, key: str, rate: Rate) -> Decision | Awaitable[Decision]:
        """Part of Limiter; never raises LimiterDownError."""
        if self._watching is not None:
            return self._instead.take(key, rate)
        return self._ask(key, rate)

    async def _ask(self, key: str, rate: Rate) -> Decision:
        try:
            return await self._shared.take(key, rate)
        except LimiterDownError as error:
            self._lost(error)
        decision = self._instead.take(key, rate)
        return decision if isinstance(decision, Decision) else await decision

    def _lost(self, error: LimiterDownError) -> None:
        if self._watching is None:
            logger.warning("rate limits: Redis is down: %s", error)
            self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._retry)
            try:
                await self._shared.ping()
            except LimiterDownError:
                continue
            logger.info("rate limits: Redis is back")
            self._watching = None
            return
