"""The circuit breaker and the retry budget by a clock of their own, and on a gateway whose upstream comes and goes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.plugin import PUBLIC, PluginSpec
from fluxgate.proxy import BreakerPolicy, HealthProbe, ProxyRoute, RetryPolicy, Upstream, WebSocketRoute
from fluxgate.proxy.breaker import Breaker
from fluxgate.proxy.budget import RetryBudget
from fluxgate.proxy.failures import UnhealthyError
from fluxgate.testing import RunningGateway, plugin_record, running_gateway, serving_gateway
from tests.support.rawpeer import Peer, RawUpstream, Request
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

POLICY = BreakerPolicy(failures=3, ratio=0.5, least=10, window=10, pause=4, longest=16, probes=2)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def breaker(policy: BreakerPolicy | None = POLICY) -> tuple[Breaker, Clock]:
    clock = Clock()
    return Breaker("up", policy, clock), clock


def fail(one: Breaker, times: int = 1) -> None:
    for _ in range(times):
        one.failed(one.admit())


def test_failures_in_a_row_open_it_and_a_success_between_doesnt() -> None:
    one, _ = breaker()
    fail(one, 2)
    one.succeeded(one.admit())
    fail(one, 2)
    assert one.state == "closed"
    fail(one)
    assert one.state == "open"
    with pytest.raises(UnhealthyError) as refused:
        one.admit()
    assert 3 <= refused.value.retry_after <= 5


def test_a_share_of_failures_opens_it() -> None:
    one, _ = breaker(BreakerPolicy(failures=100, ratio=0.5, least=10, window=10))
    for number in range(10):
        (one.failed if number % 2 else one.succeeded)(one.admit())
    assert one.state == "open"


def test_old_failures_are_forgotten() -> None:
    one, clock = breaker(BreakerPolicy(failures=100, ratio=0.5, least=10, window=10))
    fail(one, 9)
    clock.now += 11
    for _ in range(9):
        one.succeeded(one.admit())
    fail(one)
    assert one.state == "closed"


def test_half_open_lets_a_few_through_and_the_first_word_counts() -> None:
    one, clock = breaker()
    fail(one, 3)
    clock.now += 6
    assert one.state == "half-open"
    one.admit()
    leaving = one.admit()
    with pytest.raises(UnhealthyError):
        one.admit()
    one.abandoned(leaving)
    one.succeeded(one.admit())
    assert one.state == "closed"
    fail(one, 2)
    assert one.state == "closed"


def test_what_was_on_its_way_before_it_opened_neither_closes_it_nor_takes_a_trial() -> None:
    one, clock = breaker()
    late = [one.admit() for _ in range(4)]
    fail(one, 3)
    one.succeeded(late[0])
    assert one.state == "open"
    clock.now += 6
    one.admit()
    trial = one.admit()
    one.abandoned(late[1])
    with pytest.raises(UnhealthyError):
        one.admit()
    one.succeeded(late[2])
    one.failed(late[3])
    assert one.state == "half-open"
    one.succeeded(trial)
    assert one.state == "closed"


def test_each_time_in_a_row_it_stays_open_longer_up_to_a_limit() -> None:
    one, clock = breaker()
    fail(one, 3)
    pauses = []
    for _ in range(6):
        begun = clock.now
        while one.state == "open":
            clock.now += 0.1
        pauses.append(clock.now - begun)
        fail(one)
    assert pauses[0] < 5.1
    assert pauses[-1] > pauses[0]
    assert max(pauses) <= 16 * 1.25 + 0.2


def test_without_a_policy_it_never_opens() -> None:
    one, _ = breaker(None)
    fail(one, 1000)
    assert one.state == "closed"


@given(st.lists(st.sampled_from(["success", "failure", "abandoned", "wait"]), max_size=200))
def test_it_never_locks_an_upstream_out(words: list[str]) -> None:
    """Whatever came before: after long enough somebody may try, and a success closes it."""
    one, clock = breaker()
    for word in words:
        if word == "wait":
            clock.now += 3
            continue
        if one.state == "open":
            with pytest.raises(UnhealthyError):
                one.admit()
            continue
        try:
            ticket = one.admit()
        except UnhealthyError:
            continue  # the probes are under way
        {"success": one.succeeded, "failure": one.failed, "abandoned": one.abandoned}[word](ticket)
    clock.now += POLICY.longest * 2
    one.succeeded(one.admit())
    assert one.state == "closed"


def test_the_budget_is_a_share_and_a_little_besides() -> None:
    clock = Clock()
    budget = RetryBudget(share=0.2, least=1, seconds=10, clock=clock)
    assert sum(budget.take() for _ in range(100)) == 10
    for _ in range(50):
        budget.asked()
    assert sum(budget.take() for _ in range(100)) in {9, 10}
    clock.now += 3
    assert sum(budget.take() for _ in range(100)) in {2, 3}


# -- on a gateway


@pytest.fixture
def upstream() -> Iterator[RawUpstream]:
    server = RawUpstream()
    yield server
    server.close()


def spec(upstream: Upstream, **route: object) -> PluginSpec:
    routes = ProxyRoute(
        methods=frozenset({"GET", "POST"}),
        path="/{key}",
        upstream="up",
        upstream_path="/{key}",
        policy=PUBLIC,
        **route,  # type: ignore[arg-type]
    )
    return PluginSpec(title="T", version="1", upstreams=(upstream,), proxy_routes=(routes,))


@pytest.fixture
async def gateway(upstream: RawUpstream) -> AsyncIterator[RunningGateway]:
    policy = BreakerPolicy(failures=3, pause=0.3, longest=0.3)
    declared = Upstream(name="up", url=upstream.url, read_timeout=0.3, breaker=policy)
    async with running_gateway(plugin_record(spec(declared, retry=RetryPolicy(attempts=1)), "t")) as running:
        yield running


async def circuit(gateway: RunningGateway) -> str:
    health = (await gateway.client.get("/-/health")).json()
    state: str = health["plugins"]["t"]["upstreams"]["up"]["circuit"]
    return state


async def test_an_open_circuit_answers_without_asking_and_closes_again(
    gateway: RunningGateway, upstream: RawUpstream
) -> None:
    upstream.on("dies", end=True)
    for _ in range(3):
        assert (await gateway.client.get("/api/t/dies")).status_code == 502
    assert await circuit(gateway) == "open"
    refused = await gateway.client.get("/api/t/well")
    assert (refused.status_code, refused.json()["code"]) == (503, "UPSTREAM_UNREACHABLE")
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert upstream.seen["well"] == []

    async def served() -> bool:
        return (await gateway.client.get("/api/t/well")).status_code == 200

    while not await served():
        pass
    assert await circuit(gateway) == "closed"


async def test_what_the_client_did_never_counts(gateway: RunningGateway, upstream: RawUpstream) -> None:
    upstream.on("missing", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    upstream.on("broken", b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
    for _ in range(5):
        await gateway.client.get("/api/t/missing")
        await gateway.client.get("/api/t/broken")
    assert await circuit(gateway) == "closed"


async def test_timeouts_count(gateway: RunningGateway, upstream: RawUpstream) -> None:
    upstream.run("silent")(lambda peer, request: peer.wait_end())
    for _ in range(3):
        assert (await gateway.client.get("/api/t/silent")).status_code == 504
    assert (await gateway.client.get("/api/t/silent")).status_code == 503


async def test_a_websocket_whose_client_leaves_gives_its_trial_back(upstream: RawUpstream) -> None:
    upstream.on("dies", end=True)
    upstream.run("hang")(lambda peer, request: peer.wait_end())
    policy = BreakerPolicy(failures=3, pause=0.3, longest=0.3, probes=1)
    declared = Upstream(name="up", url=upstream.url, read_timeout=30, breaker=policy)
    relayed = WebSocketRoute(path="/live/{key}", upstream="up", upstream_path="/{key}", policy=PUBLIC)
    one = msgspec.structs.replace(spec(declared, retry=RetryPolicy(attempts=1)), websockets=(relayed,))
    with serving_gateway(plugin_record(one, "t")) as gateway:
        async with httpx.AsyncClient(base_url=gateway.url) as client:
            while (await client.get("/api/t/dies")).status_code == 502:
                pass
            host, port = client.base_url.host, client.base_url.port
            handshake = (
                f"GET /api/t/live/hang HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            while not upstream.seen["hang"]:
                _, writer = await asyncio.open_connection(host, port)
                writer.write(handshake.encode())
                await asyncio.sleep(0.05)  # refused, if the circuit is open still
                if upstream.seen["hang"]:
                    assert (await client.get("/api/t/well")).status_code == 503
                writer.close()
            deadline = time.monotonic() + 10
            while (await client.get("/api/t/well")).status_code != 200:
                assert time.monotonic() < deadline


async def test_a_storm_of_failures_is_not_doubled_by_retries(upstream: RawUpstream) -> None:
    declared = Upstream(name="up", url=upstream.url, breaker=None)
    upstream.on("dies", end=True)
    async with running_gateway(plugin_record(spec(declared), "t")) as gateway:
        for _ in range(100):
            assert (await gateway.client.get("/api/t/dies")).status_code == 502
    assert 100 < len(upstream.seen["dies"]) <= 100 + 10 + 20 + 5


async def test_a_probe_takes_an_upstream_out_and_brings_it_back(upstream: RawUpstream) -> None:
    well = threading.Event()

    @upstream.run("health")
    def health(peer: Peer, request: Request) -> None:
        status = b"200 OK" if well.is_set() else b"500 Internal Server Error"
        peer.send(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status)

    probe = HealthProbe(interval=0.05, timeout=1, fall=2)
    declared = Upstream(name="up", url=upstream.url, probe=probe, max_connections=1)
    async with running_gateway(plugin_record(spec(declared), "t")) as gateway:

        async def status() -> int:
            return (await gateway.client.get("/api/t/x")).status_code

        deadline = time.monotonic() + 10
        while await status() != 503:
            assert time.monotonic() < deadline
        asked = len(upstream.seen["x"])
        assert await status() == 503
        assert len(upstream.seen["x"]) == asked
        assert (await gateway.client.get("/-/health")).json()["plugins"]["t"]["upstreams"]["up"]["is_down"]
        well.set()
        while await status() != 200:
            assert time.monotonic() < deadline
    count = len(upstream.seen["health"])
    await eventually(lambda: all(peer.ended.is_set() for peer in upstream.peers))
    assert len(upstream.seen["health"]) == count
