"""One contract for both rate limiters: the one in memory, and the one in a real Redis."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from inspect import isawaitable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.limits.limiter import Decision, Limiter
from fluxgate.limits.memory import MemoryLimiter
from fluxgate.limits.redis import RedisLimiter
from fluxgate.settings.rate import Rate, parse_rate
from tests.support.redis import RedisServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


def rate(text: str) -> Rate:
    parsed = parse_rate(text)
    assert parsed is not None
    return parsed


async def take(limiter: Limiter, key: str, by: Rate) -> Decision:
    decision = limiter.take(key, by)
    if isawaitable(decision):
        return await decision
    assert isinstance(decision, Decision)
    return decision


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
async def limiter(request: pytest.FixtureRequest, redis_server: RedisServer) -> AsyncIterator[Limiter]:
    if request.param == "memory":
        yield MemoryLimiter()
        return
    redis_server.ask(b"FLUSHALL\r\n")
    shared = RedisLimiter(redis_server.url, timeout=5)
    yield shared
    await shared.close()


async def test_the_burst_passes_and_no_more(limiter: Limiter) -> None:
    decisions = [await take(limiter, "a", rate("60/h burst 5")) for _ in range(7)]
    assert [each.remaining for each in decisions] == [4, 3, 2, 1, 0, 0, 0]
    assert [each.wait > 0 for each in decisions] == [False] * 5 + [True] * 2
    assert all(0 < each.retry_after <= 60 for each in decisions[5:])
    assert all(each.retry_after == 0 for each in decisions[:5])
    assert 290 < decisions[4].reset / 1e9 <= 300


async def test_callers_are_counted_apart(limiter: Limiter) -> None:
    for caller in ("a", "b", "ü @:\r\n", ""):
        assert (await take(limiter, caller, rate("1/h"))).wait == 0
        assert (await take(limiter, caller, rate("1/h"))).wait > 0


async def test_after_the_wait_exactly_one_passes(limiter: Limiter) -> None:
    by = rate("5/s burst 2")
    for _ in range(2):
        assert (await take(limiter, "a", by)).wait == 0
    refused = await take(limiter, "a", by)
    assert 0 < refused.wait <= by.interval
    await asyncio.sleep(refused.wait / 1e9)
    assert (await take(limiter, "a", by)).wait == 0
    assert (await take(limiter, "a", by)).wait > 0


async def test_refused_requests_cost_nothing(limiter: Limiter) -> None:
    by = rate("10/s burst 1")
    await take(limiter, "a", by)
    began = time.monotonic()
    while (decision := await take(limiter, "a", by)).wait:
        await asyncio.sleep(0)
    assert decision.remaining == 0
    assert time.monotonic() - began < 5


async def test_many_at_once_get_the_limit_and_no_more(limiter: Limiter) -> None:
    by = rate("100/h")

    async def taker() -> int:
        return sum([not (await take(limiter, "a", by)).wait for _ in range(20)])

    assert sum(await asyncio.gather(*(taker() for _ in range(50)))) == 100


async def test_over_time_no_more_pass_than_burst_and_rate_allow(limiter: Limiter) -> None:
    by = rate("200/s burst 10")
    began = time.monotonic()
    passed = 0
    while time.monotonic() - began < 0.5:
        passed += not (await take(limiter, "a", by)).wait
        await asyncio.sleep(0)
    took = time.monotonic() - began
    assert passed <= 10 + math.ceil(took * 200) + 1
    assert passed >= 30


async def test_clients_of_one_redis_share_its_counts(redis_server: RedisServer) -> None:
    redis_server.ask(b"FLUSHALL\r\n")
    limiters = [RedisLimiter(redis_server.url, timeout=5) for _ in range(4)]

    async def taker(limiter: RedisLimiter) -> int:
        return sum([not (await limiter.take("a", rate("97/h"))).wait for _ in range(30)])

    assert sum(await asyncio.gather(*(taker(each) for each in limiters for _ in range(5)))) == 97
    for each in limiters:
        await each.close()


async def test_redis_forgets_who_has_all_of_the_burst_again(redis_server: RedisServer) -> None:
    redis_server.ask(b"FLUSHALL\r\n")
    limiter = RedisLimiter(redis_server.url, timeout=5)
    await limiter.take("a", rate("20/s"))
    assert redis_server.ask(b"EXISTS fluxgate:rate:a\r\n") == b":1\r\n"
    await eventually(lambda: redis_server.ask(b"EXISTS fluxgate:rate:a\r\n") == b":0\r\n", timeout=1)
    await limiter.close()


async def test_a_redis_that_started_anew_knows_the_script_again(redis_server: RedisServer) -> None:
    limiter = RedisLimiter(redis_server.url, timeout=5)
    assert (await limiter.take("z", rate("2/h"))).wait == 0
    redis_server.stop()
    redis_server.start()
    assert (await limiter.take("z", rate("2/h"))).wait == 0
    await limiter.close()


async def test_a_caller_who_left_while_redis_was_asked_harms_nobody(redis_server: RedisServer) -> None:
    limiter = RedisLimiter(redis_server.url, timeout=5)

    async def ask() -> None:
        await limiter.take("gone", rate("100/h"))

    leaving = [asyncio.create_task(ask()) for _ in range(20)]
    await asyncio.sleep(0)
    for task in leaving[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*leaving, return_exceptions=True)
    assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [True, False] * 10
    assert (await limiter.take("gone", rate("100/h"))).wait == 0
    await limiter.close()


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


@given(
    steps=st.lists(st.integers(0, 3_000_000_000), max_size=60),
    count=st.integers(1, 50),
    seconds=st.sampled_from([1, 60]),
    burst=st.integers(1, 20),
)
def test_the_memory_limiter_is_a_bucket_that_fills_evenly(
    steps: list[int], count: int, seconds: int, burst: int
) -> None:
    clock = Clock()
    limiter = MemoryLimiter(clock)
    by = Rate(count, seconds, burst)
    level = burst * by.interval  # the same as a bucket of time, in nanoseconds
    for step in steps:
        clock.now += step
        level = min(level + step, burst * by.interval)
        decision = limiter.take("a", by)
        if level >= by.interval:
            level -= by.interval
            assert decision == Decision(level // by.interval, 0, burst * by.interval - level)
        else:
            assert decision == Decision(0, by.interval - level, burst * by.interval - level)


def test_memory_holds_hardly_more_callers_than_matter() -> None:
    clock = Clock()
    limiter = MemoryLimiter(clock)
    for number in range(20_000):
        clock.now += 1_000_000
        limiter.take(f"caller {number}", rate("10/s"))  # whole again after 100 ms, which is 100 callers later
    assert len(limiter) <= 250


def test_memory_is_bounded_and_the_most_recent_callers_stay() -> None:
    limiter = MemoryLimiter(Clock(), most_keys=1000)
    for number in range(5000):
        limiter.take(f"caller {number}", rate("1/h"))
    assert len(limiter) == 1000
    assert limiter.take("caller 4999", rate("1/h")).wait > 0
