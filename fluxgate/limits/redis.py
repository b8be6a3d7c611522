"""The rate limiter that several gateways share: each decision is made inside one Redis, by its clock.

Requests that come while Redis is being asked are put to it together in the next question, on the same connection: under
load a question serves dozens of them, and a slow Redis never has more than one question to answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from fluxgate.limits.limiter import Decision, Limiter, LimiterDownError
from fluxgate.settings.rate import Rate

__all__ = ["RedisLimiter"]

PREFIX = "fluxgate:rate:"

_BATCH = 128
_MICROSECOND = 1_000

_SCRIPT = """
local time = redis.call('TIME')
local now = (time[1] - 1700000000) * 1000000 + time[2]
local answer = {}
for i, key in ipairs(KEYS) do
    local interval = tonumber(ARGV[2 * i - 1])
    local most = interval * ARGV[2 * i]
    local full_at = tonumber(redis.call('GET', key) or now)
    -- Not before now, and not later than can be: the rate may have been another, or the clock set back.
    full_at = math.min(math.max(full_at, now), now + most)
    local wait = full_at + interval - now - most
    if wait > 0 then
        answer[2 * i - 1] = wait
    else
        full_at = full_at + interval
        redis.call('SET', key, string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
        answer[2 * i - 1] = 0
    end
    answer[2 * i] = full_at - now
end
return answer
"""


class RedisLimiter(Limiter):
    """Counts at `url`; `timeout` seconds are the most that a question may take, a new connection included."""

    def __init__(self, url: str, timeout: float) -> None:
        self._timeout = timeout
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            # Once more at once: the connection may be one that Redis closed when it started anew.
            retry=Retry(NoBackoff(), 1),
        )
        self._script = self._redis.register_script(_SCRIPT)
        self._waiting: deque[tuple[str, Rate, asyncio.Future[Decision]]] = deque()
        self._asking: asyncio.Task[None] | None = None

    def take(self, key: str, rate: Rate) -> Awaitable[Decision]:
        """Part of Limiter; always to be awaited."""
        decided: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, rate, decided))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return decided

    async def ping(self) -> None:
        """Raises LimiterDownError unless Redis answers."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._redis.ping()
        except (RedisError, OSError) as error:
            raise LimiterDownError(_reason(error)) from error

    async def close(self) -> None:
        """Close the connection."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})
        await self._redis.aclose()

    async def _ask(self) -> None:
        waiting = self._waiting
        batch: list[tuple[str, Rate, asyncio.Future[Decision]]] = []
        try:
            while waiting:
                batch = [waiting.popleft() for _ in range(min(_BATCH, len(waiting)))]
                self._decide(batch, await self._counted(batch))
        except (RedisError, OSError) as error:
            reason = _reason(error)
            for *_, decided in (*batch, *waiting):
                if not decided.done():
                    decided.set_exception(LimiterDownError(reason))
            waiting.clear()
        finally:
            self._asking = None

    async def _counted(self, batch: list[tuple[str, Rate, asyncio.Future[Decision]]]) -> list[int]:
        keys = [PREFIX + key for key, *_ in batch]
        arguments = [each for _, rate, _ in batch for each in (_interval(rate), rate.burst)]
        async with asyncio.timeout(self._timeout):
            counted: list[int] = await self._script(keys, arguments)
        return counted

    def _decide(self, batch: list[tuple[str, Rate, asyncio.Future[Decision]]], counted: list[int]) -> None:
        for (_, rate, decided), wait, reset in zip(batch, counted[::2], counted[1::2], strict=True):
            if not decided.done():
                remaining = 0 if wait else rate.burst - -(-reset // _interval(rate))
                decided.set_result(Decision(remaining, wait * _MICROSECOND, reset * _MICROSECOND))


def _interval(rate: Rate) -> int:
    """In whole microseconds, as Lua's numbers are exact so far."""
    return rate.interval // _MICROSECOND


def _reason(error: Exception) -> str:
    """What is logged; redis-py's own texts name the server, never its password."""
    return "no answer in time" if isinstance(error, TimeoutError) else str(error)
