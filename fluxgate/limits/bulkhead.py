"""A bulkhead: so many requests at once and no more, so that what hangs in one place takes no room from another."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType

from fluxgate.errors import ProblemError

__all__ = ["Bulkhead", "Nested"]


class Bulkhead:
    """`limit` places; `max_waiting` requests wait for one, first come, first served, for `max_wait` seconds at most.
    Whoever gets none is answered the problem that `busy()` returns.

    To be entered with `async with`, any number of times at once.
    """

    def __init__(self, limit: int, max_waiting: int, max_wait: float, busy: Callable[[], ProblemError]) -> None:
        self.limit = limit
        self.max_waiting = max_waiting
        self.max_wait = max_wait
        self.running = 0
        self._busy = busy
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return len(self._waiters)

    def enter(self) -> Awaitable[None] | None:
        """Take a place, or return what is to be awaited for one. Raises what `busy()` returns."""
        if self.running < self.limit:
            self.running += 1
            return None
        if len(self._waiters) >= self.max_waiting:
            raise self._busy()
        return self._wait()

    def leave(self) -> None:
        """Give the place to who waits longest, or back."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self.running -= 1

    async def _wait(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(self.max_wait):
                await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():
                self.leave()  # it was given a place in the very moment
            elif waiter in self._waiters:
                self._waiters.remove(waiter)
            if isinstance(error, TimeoutError):
                raise self._busy() from None
            raise

    async def __aenter__(self) -> None:
        if (waiting := self.enter()) is not None:
            await waiting

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave()


class Nested:
    """A place in both, for what counts in two places."""

    def __init__(self, outer: Bulkhead, inner: Bulkhead) -> None:
        self._outer = outer
        self._inner = inner

    async def __aenter__(self) -> None:
        await self._outer.__aenter__()
        try:
            await self._inner.__aenter__()
        except BaseException:
            self._outer.leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._inner.leave()
        self._outer.leave()
