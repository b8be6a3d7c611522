"""Bulkheads, alone and around two plugins of which one hangs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable

import httpx
import pytest

from fluxgate.errors import UnavailableError
from fluxgate.limits.bulkhead import Bulkhead, Nested
from fluxgate.plugin import PUBLIC, PluginSpec, StreamRoute
from fluxgate.proxy import ProxyRoute, Upstream
from fluxgate.settings import LimitSettings, PluginLimits, UpstreamLimits
from fluxgate.testing import plugin_record, running_gateway, serving_gateway
from fluxgate.types import Receive, Scope, Send
from tests.support.rawpeer import Peer, RawUpstream, Request
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


def busy() -> UnavailableError:
    return UnavailableError("busy", retry_after=1)


async def hold(bulkhead: Bulkhead | Nested, until: asyncio.Event) -> None:
    async with bulkhead:
        await until.wait()


async def test_places_are_handed_on_first_come_first_served() -> None:
    bulkhead = Bulkhead(1, 10, 5, busy)
    served: list[int] = []

    async def work(number: int) -> None:
        async with bulkhead:
            served.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(number) for number in range(10)))
    assert served == list(range(10))
    assert (bulkhead.running, bulkhead.waiting) == (0, 0)


async def test_who_finds_no_place_to_wait_is_refused_at_once_and_who_waits_too_long_later() -> None:
    bulkhead = Bulkhead(2, 1, 0.05, busy)
    until = asyncio.Event()
    held = [asyncio.create_task(hold(bulkhead, until)) for _ in range(2)]
    await asyncio.sleep(0)
    waiter = bulkhead.enter()
    assert isinstance(waiter, Awaitable)
    waiting = asyncio.ensure_future(waiter)
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        bulkhead.enter()
    with pytest.raises(UnavailableError):
        await waiting
    assert (bulkhead.running, bulkhead.waiting) == (2, 0)
    until.set()
    await asyncio.gather(*held)
    assert bulkhead.running == 0


async def test_no_cancellation_loses_a_place() -> None:
    bulkhead = Bulkhead(3, 1000, 5, busy)

    async def work() -> None:
        async with bulkhead:
            await asyncio.sleep(0.001)

    tasks = [asyncio.create_task(work()) for _ in range(300)]
    for turn in range(12):
        await asyncio.sleep(0.001)
        for task in tasks[turn::13]:
            task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
    assert (bulkhead.running, bulkhead.waiting) == (0, 0)


async def test_a_place_given_in_the_moment_of_a_cancellation_goes_to_the_next() -> None:
    bulkhead = Bulkhead(1, 10, 5, busy)
    until = asyncio.Event()
    first = asyncio.create_task(hold(bulkhead, until))
    await asyncio.sleep(0)
    second, third = (asyncio.create_task(hold(bulkhead, until)) for _ in range(2))
    await eventually(lambda: bulkhead.waiting == 2)
    until.set()
    await first  # the second has been given the place, and not run yet
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    await asyncio.wait_for(third, 1)
    assert bulkhead.running == 0


async def test_a_nested_place_is_given_back_when_the_inner_one_is_taken() -> None:
    outer, inner = Bulkhead(5, 0, 0, busy), Bulkhead(1, 0, 0, busy)
    nested = Nested(outer, inner)
    async with nested:
        with pytest.raises(UnavailableError):
            await nested.__aenter__()
        assert (outer.running, inner.running) == (1, 1)
    assert (outer.running, inner.running) == (0, 0)


# -- in a gateway


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """A stream until its client leaves."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


def spec(url: str, **limits: int) -> PluginSpec:
    def route(path: str, rate: str) -> ProxyRoute:
        return ProxyRoute(
            methods=frozenset({"GET"}),
            path=f"/{path}/{{key}}",
            upstream="service",
            upstream_path="/{key}",
            policy=PUBLIC,
            rate=rate,
        )

    return PluginSpec(
        title="Bulkheads",
        version="1",
        upstreams=(Upstream(name="service", url=url, max_connections=12, max_waiting=2, pool_timeout=0.2),),
        proxy_routes=(route("ask", "read"), route("watch", "stream")),
        streams=(StreamRoute(path="/endless", app=endless, policy=PUBLIC),),
        **limits,
    )


def hang(upstream: RawUpstream) -> None:
    @upstream.run("hang")
    def never(peer: Peer, request: Request) -> None:
        peer.wait_end(30)


async def test_a_hanging_service_takes_nothing_from_another() -> None:
    upstream = RawUpstream()
    hang(upstream)
    limits = LimitSettings(max_running=8, max_waiting=4, max_wait=0.1)
    records = (plugin_record(spec(upstream.url), "stuck"), plugin_record(spec(upstream.url), "fine"))
    with serving_gateway(*records, limits=limits) as gateway:
        pool = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=gateway.url, limits=pool, timeout=10) as client:
            stuck = [asyncio.create_task(client.get("/api/stuck/ask/hang")) for _ in range(60)]
            refused: list[httpx.Response] = []
            for next_done in asyncio.as_completed(stuck):
                refused.append(await next_done)
                if len(refused) == 52:  # all but those that have a place
                    break
            assert {answer.status_code for answer in refused} == {503}
            assert {answer.json()["code"] for answer in refused} == {"PLUGIN_BUSY"}
            assert {answer.headers["retry-after"] for answer in refused} == {"1"}
            took = []
            for _ in range(20):
                began = time.monotonic()
                assert (await client.get("/api/fine/ask/quick")).status_code == 200
                took.append(time.monotonic() - began)
            assert max(took) < 3
            assert (await client.get("/api/stuck/ask/quick")).status_code == 503
            for task in stuck:
                task.cancel()
            await asyncio.gather(*stuck, return_exceptions=True)

            async def is_served() -> bool:
                return (await client.get("/api/stuck/ask/quick")).status_code == 200

            await eventually(is_served)
    upstream.close()


async def test_an_upstreams_waiters_are_bounded() -> None:
    upstream = RawUpstream()
    hang(upstream)
    with serving_gateway(plugin_record(spec(upstream.url), "stuck")) as gateway:
        pool = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=gateway.url, limits=pool, timeout=10) as client:
            held = [asyncio.create_task(client.get("/api/stuck/ask/hang")) for _ in range(12)]
            await eventually(lambda: len(upstream.seen["hang"]) == 12)
            began = time.monotonic()
            answers = await asyncio.gather(*(client.get("/api/stuck/ask/quick") for _ in range(10)))
            assert {answer.json()["code"] for answer in answers} == {"UPSTREAM_BUSY"}
            assert {answer.headers["retry-after"] for answer in answers} == {"1"}
            assert 0.2 <= time.monotonic() - began < 2
            for task in held:
                task.cancel()
            await asyncio.gather(*held, return_exceptions=True)
    upstream.close()


async def test_streams_take_no_place_of_requests_and_half_of_an_upstream() -> None:
    upstream = RawUpstream()
    hang(upstream)
    limits = LimitSettings(plugins={"cams": PluginLimits(max_running=2, max_streams=9)})
    with serving_gateway(plugin_record(spec(upstream.url), "cams"), limits=limits) as gateway:
        pool = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=gateway.url, limits=pool, timeout=10) as client:
            held = [asyncio.create_task(client.get("/api/cams/watch/hang")) for _ in range(6)]
            await eventually(lambda: len(upstream.seen["hang"]) == 6)
            answer = await client.get("/api/cams/watch/hang")
            assert (answer.status_code, answer.json()["code"]) == (503, "STREAMS_BUSY")
            async with contextlib.AsyncExitStack() as streams:
                for _ in range(3):
                    opened = await streams.enter_async_context(client.stream("GET", "/api/cams/endless"))
                    assert opened.status_code == 200
                answer = await client.get("/api/cams/endless")
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
                assert (await client.get("/api/cams/ask/quick")).status_code == 200
            for task in held:
                task.cancel()
            await asyncio.gather(*held, return_exceptions=True)
    upstream.close()


@pytest.mark.parametrize(
    ("declared", "configured", "most"),
    [({}, None, 3), ({"max_running": 2}, None, 2), ({"max_running": 2}, 1, 1)],
)
async def test_configuration_wins_over_the_plugin_which_wins_over_the_general(
    declared: dict[str, int], configured: int | None, most: int
) -> None:
    upstream = RawUpstream()
    hang(upstream)
    own = {"p": PluginLimits(max_running=configured)} if configured else {}
    limits = LimitSettings(max_running=3, max_waiting=0, plugins=own)
    with serving_gateway(plugin_record(spec(upstream.url, **declared), "p"), limits=limits) as gateway:
        async with httpx.AsyncClient(base_url=gateway.url, timeout=10) as client:
            held = [asyncio.create_task(client.get("/api/p/ask/hang")) for _ in range(most + 1)]
            done, waiting = await asyncio.wait(held, return_when=asyncio.FIRST_COMPLETED)
            assert [task.result().status_code for task in done] == [503]
            assert len(waiting) == most
            for task in waiting:
                task.cancel()
            await asyncio.gather(*held, return_exceptions=True)
    upstream.close()


async def test_an_upstream_that_isnt_declared_quarantines_the_plugin() -> None:
    limits = LimitSettings(plugins={"p": PluginLimits(upstreams={"servce": UpstreamLimits(max_connections=3)})})
    async with running_gateway(plugin_record(spec("http://127.0.0.1:1"), "p"), strict=False, limits=limits) as running:
        reason = running.gateway.host.by_name["p"].quarantine
        assert reason is not None
        assert "no upstream 'servce' is declared (there are: service)" in reason.reason
