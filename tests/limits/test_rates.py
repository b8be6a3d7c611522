"""Rates as callers meet them, on real gateway processes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from fluxgate.address import ClientAddress
from fluxgate.answer import Answer as GatewayAnswer
from fluxgate.errors import TooManyRequestsError, UnavailableError
from fluxgate.limits import Limits
from fluxgate.limits.failover import Allow, Failover, Refuse
from fluxgate.limits.limiter import Decision, Limiter
from fluxgate.limits.memory import MemoryLimiter
from fluxgate.limits.redis import RedisLimiter
from fluxgate.policy import AUTHENTICATED
from fluxgate.principal import ANONYMOUS, LOCAL, Principal
from fluxgate.routing import Route
from fluxgate.settings import LimitSettings
from fluxgate.settings.rate import Rate
from fluxgate.types import Message, Receive, Scope, Send
from tests.support.gateway import TRUSTED, GatewayProcess
from tests.support.rawpeer import Answer, RawUpstream, request_bytes
from tests.support.redis import RedisServer
from tests.support.waiting import eventually

READ = "/api/t/hello/you"
WRITE = "/api/t/release/nothing"


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def upstream() -> Iterator[RawUpstream]:
    server = RawUpstream()
    yield server
    server.close()


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream) -> Iterator[GatewayProcess]:
    with GatewayProcess(upstream.url, limits=LimitSettings(rates={"write": "60/h burst 3", "read": "20/s"})) as process:
        yield process


def write(gateway: GatewayProcess, source: str = "127.0.0.1", *, forwarded: str = "") -> Answer:
    headers = (("X-Forwarded-For", forwarded),) if forwarded else ()
    return gateway.ask("POST", WRITE, headers, source=source)


def test_every_answer_says_how_things_stand_and_one_too_many_is_refused(gateway: GatewayProcess) -> None:
    answers = [write(gateway, "127.0.1.1") for _ in range(4)]
    assert [each.status for each in answers] == [201, 201, 201, 429]
    assert {tuple(each.all(b"ratelimit-policy")) for each in answers} == {(b'"write";q=3;w=180',)}
    assert [each.all(b"ratelimit") for each in answers] == [
        [b'"write";r=2;t=60'],
        [b'"write";r=1;t=120'],
        [b'"write";r=0;t=180'],
        [b'"write";r=0;t=180'],
    ]
    assert answers[3].all(b"retry-after") == [b"60"]
    assert b'"code":"TOO_MANY_REQUESTS"' in answers[3].body
    assert not re.search(rb"token|unauthorized|authentication|fetch|network", answers[3].body, re.IGNORECASE)
    assert not answers[0].all(b"retry-after")


def test_classes_are_counted_apart(gateway: GatewayProcess) -> None:
    for _ in range(4):
        write(gateway, "127.0.1.2")
    answer = gateway.ask("GET", READ, source="127.0.1.2")
    assert (answer.status, answer.all(b"ratelimit-policy")) == (200, [b'"read";q=20;w=1'])


def test_on_a_route_with_several_methods_the_method_says_which_class_it_is(gateway: GatewayProcess) -> None:
    policies = [
        gateway.ask(method, "/api/t/r/mixed", source="127.0.1.3").all(b"ratelimit-policy")
        for method in ("GET", "HEAD", "POST", "DELETE")
    ]
    assert policies == [[b'"read";q=20;w=1']] * 2 + [[b'"write";q=3;w=180']] * 2


def test_health_is_never_limited(gateway: GatewayProcess) -> None:
    assert gateway.ask("GET", "/-/health/live").all(b"ratelimit") == []


def test_the_refusal_comes_before_the_body_is_asked_for(gateway: GatewayProcess) -> None:
    for _ in range(3):
        write(gateway, "127.0.1.4")
    with gateway.client("127.0.1.4") as client:
        client.send(request_bytes("POST", WRITE, (("Expect", "100-continue"), ("Content-Length", "1000000"))))
        assert client.answer().status == 429


def test_after_retry_after_the_request_passes(upstream: RawUpstream) -> None:
    with GatewayProcess(upstream.url, limits=LimitSettings(rates={"write": "2/s burst 2"})) as gateway:
        while (refused := write(gateway)).status != 429:
            pass
        assert refused.all(b"retry-after") == [b"1"]
        time.sleep(int(refused.all(b"retry-after")[0]))
        assert write(gateway).status == 201


def test_an_address_is_a_caller_and_so_is_the_one_that_a_trusted_proxy_vouches_for(gateway: GatewayProcess) -> None:
    for _ in range(4):
        write(gateway, "127.0.1.5")
    assert write(gateway, "127.0.1.5").status == 429
    assert write(gateway, "127.0.1.5", forwarded="203.0.113.1").status == 429  # not for it to say
    assert write(gateway, "127.0.1.6").status == 201
    for _ in range(3):
        assert write(gateway, TRUSTED, forwarded="203.0.113.1").status == 201
    assert write(gateway, TRUSTED, forwarded="198.51.100.7, 203.0.113.1").status == 429
    assert write(gateway, TRUSTED, forwarded="203.0.113.2").status == 201
    for number in range(3):  # one network, whatever address of it
        assert write(gateway, TRUSTED, forwarded=f"2001:db8::{number}").status == 201
    assert write(gateway, TRUSTED, forwarded="2001:db8::ffff:1").status == 429


def test_by_default_ten_dashboards_are_never_refused_and_a_loop_of_writes_is(upstream: RawUpstream) -> None:
    with GatewayProcess(upstream.url, limits=LimitSettings()) as gateway, gateway.client() as client:
        for _ in range(2000):  # ten tabs that ask for six things twice a second: twenty seconds' worth at once
            client.send(request_bytes("GET", READ))
            assert client.answer().status == 200
        statuses = []
        while 429 not in statuses:
            client.send(request_bytes("POST", WRITE, (("Content-Length", "0"),)))
            answer = client.answer()
            statuses.append(answer.status)
            assert len(statuses) < 1000
        assert answer.all(b"retry-after") == [b"1"]
        assert statuses.index(429) >= 300
        client.send(request_bytes("GET", READ))
        assert client.answer().status == 200


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """An endpoint."""


async def discard(message: Message) -> None:
    """A client that doesn't look."""


@pytest.mark.anyio
async def test_who_is_known_is_counted_by_identity_and_who_isnt_by_address() -> None:
    limits = Limits(LimitSettings(rates={"write": "1/h"}), ClientAddress(()), (), {})
    route = Route(
        plugin="t",
        kind="stream",
        methods=frozenset({"POST"}),
        template="/x",
        endpoint=nothing,
        rate="write",
        policy=AUTHENTICATED,
    )

    async def passes(principal: Principal, address: str) -> bool:
        scope = {"client": (address, 1), "headers": [], "method": "POST"}
        try:
            await limits.take(route, principal, scope, GatewayAnswer(discard, "id"))
        except TooManyRequestsError:
            return False
        return True

    ada, bob = Principal(id="ada"), Principal(id="192.0.2.1", method="key")
    assert await passes(ada, "192.0.2.1")
    assert not await passes(ada, "192.0.2.2")
    assert await passes(bob, "192.0.2.1")
    assert await passes(ANONYMOUS, "192.0.2.1")
    assert not await passes(LOCAL, "192.0.2.1")  # nobody is asked who they are: the same address, the same caller
    assert await passes(LOCAL, "192.0.2.3")


# -- with Redis


def shared(redis: RedisServer, **settings: object) -> LimitSettings:
    redis.ask(b"FLUSHALL\r\n")
    return LimitSettings(rates={"write": "60/h burst 5"}, redis=redis.url, **settings)  # type: ignore[arg-type]


def test_two_gateways_share_one_redis(upstream: RawUpstream, redis_server: RedisServer) -> None:
    limits = shared(redis_server)
    with GatewayProcess(upstream.url, limits=limits) as one, GatewayProcess(upstream.url, limits=limits) as other:
        statuses = [write(gateway).status for gateway in (one, other, one, other, one, other, one)]
        assert statuses == [201] * 5 + [429] * 2
        assert write(other).all(b"ratelimit") == [b'"write";r=0;t=300']


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("instead", "passing"), [(MemoryLimiter, [True] * 5 + [False]), (Allow, [True] * 6), (Refuse, [None])]
)
async def test_while_redis_is_down(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture, instead: type[Limiter], passing: list[bool | None]
) -> None:
    caplog.set_level("INFO", "fluxgate.limits")
    redis_server.ask(b"FLUSHALL\r\n")
    failover = Failover(RedisLimiter(redis_server.url, 5), instead(), retry=0.05)
    await failover.start()

    async def passes() -> bool | None:
        try:
            decision = failover.take("a", Rate(60, 3600, 5))
            return not (decision if isinstance(decision, Decision) else await decision).wait
        except UnavailableError:
            return None

    assert await passes()
    redis_server.stop()
    try:
        assert [await passes() for _ in passing] == passing
        assert caplog.text.count("Redis is down") == 1
    finally:
        redis_server.start()
    await eventually(lambda: "Redis is back" in caplog.text)
    assert [await passes() for _ in range(6)] == [True] * 5 + [False]
    await failover.stop()


def test_a_redis_that_hangs_costs_one_request_its_timeout_and_no_other(
    upstream: RawUpstream, redis_server: RedisServer
) -> None:
    limits = shared(redis_server, redis_timeout=3)
    with GatewayProcess(upstream.url, limits=limits) as gateway, gateway.client() as client:

        def timed() -> float:
            began = time.monotonic()
            client.send(request_bytes("POST", WRITE, (("Content-Length", "0"),)))
            assert client.answer().status == 201
            return time.monotonic() - began

        timed()
        redis_server.freeze()
        try:
            assert 2.5 < timed() < 8
            assert max(timed() for _ in range(4)) < 2
        finally:
            redis_server.thaw()
        gateway.logged("Redis is back")


def test_a_gateway_starts_without_its_redis_and_may_refuse_until_it_is_there(
    upstream: RawUpstream, redis_server: RedisServer
) -> None:
    limits = shared(redis_server, redis_down="refuse")
    redis_server.stop()
    try:
        with GatewayProcess(upstream.url, limits=limits) as gateway:
            answer = write(gateway)
            assert (answer.status, answer.all(b"retry-after")) == (503, [b"1"])
            assert b'"code":"LIMITER_DOWN"' in answer.body
            redis_server.start()
            gateway.logged("Redis is back")
            assert write(gateway).status == 201
    finally:
        redis_server.stop()
        redis_server.start()
