"""The micro-cache over a scripted upstream: who gets what, what is never kept, what is given when it fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.errors import PluginError
from fluxgate.plugin import AUTHENTICATED, PUBLIC, PluginSpec, Principal
from fluxgate.proxy import CachePolicy, HeaderPolicy, ProxyRoute, Upstream
from fluxgate.proxy.cache import MicroCache
from fluxgate.proxy.caching import directives, lifetime, make_entry
from fluxgate.testing import RunningGateway, TokenIssuer, plugin_record, running_gateway
from tests.support.rawpeer import Peer, RawUpstream, Request
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

LONG = 60.0


@pytest.fixture
def upstream() -> Iterator[RawUpstream]:
    server = RawUpstream()
    yield server
    server.close()


def plugin(url: str) -> PluginSpec:
    def route(
        path: str, cache: CachePolicy | None, policy: Any = PUBLIC, methods: str = "GET", **more: Any
    ) -> ProxyRoute:
        return ProxyRoute(
            methods=frozenset({methods}),
            path=path + "/{key}",
            upstream="up",
            upstream_path="/{key}",
            policy=policy,
            cache=cache,
            **more,
        )

    return PluginSpec(
        title="T",
        version="1",
        upstreams=(Upstream(name="up", url=url, read_timeout=1, breaker=None),),
        proxy_routes=(
            route("/shared", CachePolicy(ttl=LONG, shared=True, stale_if_error=LONG), AUTHENTICATED),
            route("/own", CachePolicy(ttl=LONG), AUTHENTICATED),
            route("/told", CachePolicy(ttl=LONG), AUTHENTICATED, headers=HeaderPolicy(identity=True)),
            route("/short", CachePolicy(ttl=0.0, shared=True, stale_if_error=LONG)),
            route("/varied", CachePolicy(ttl=LONG, shared=True, vary=frozenset({"Accept-Language"}))),
            route("/small", CachePolicy(ttl=LONG, shared=True, max_entry=100)),
            route("/change", None, methods="POST"),
        ),
    )


@pytest.fixture
def issuer() -> TokenIssuer:
    return TokenIssuer()


@pytest.fixture
async def gateway(upstream: RawUpstream, issuer: TokenIssuer) -> AsyncIterator[RunningGateway]:
    async with running_gateway(plugin_record(plugin(upstream.url), "t"), issuer=issuer) as running:
        yield running


def ada(issuer: TokenIssuer) -> dict[str, str]:
    return issuer.headers(Principal(id="ada"))


def bob(issuer: TokenIssuer) -> dict[str, str]:
    return issuer.headers(Principal(id="bob"))


async def test_one_answer_for_all_who_may(gateway: RunningGateway, upstream: RawUpstream, issuer: TokenIssuer) -> None:
    first = await gateway.client.get("/api/t/shared/x", headers=ada(issuer))
    second = await gateway.client.get("/api/t/shared/x", headers=bob(issuer))
    assert (first.text, second.text) == ("ok", "ok")
    assert (first.headers["cache-status"], second.headers["cache-status"]) == ("fluxgate; fwd=miss", "fluxgate; hit")
    assert int(second.headers["age"]) <= 1
    assert len(upstream.seen["x"]) == 1
    assert (await gateway.client.get("/api/t/shared/x")).status_code == 401
    assert (await gateway.client.get("/api/t/shared/x?page=2", headers=ada(issuer))).status_code == 200
    assert len(upstream.seen["x"]) == 2
    [head] = [await gateway.client.head("/api/t/shared/x", headers=ada(issuer))]
    assert (head.headers["content-length"], head.content) == ("2", b"")
    assert len(upstream.seen["x"]) == 2


async def test_nobody_gets_anothers(gateway: RunningGateway, upstream: RawUpstream, issuer: TokenIssuer) -> None:
    for caller in (ada(issuer), bob(issuer), ada(issuer), bob(issuer)):
        assert (await gateway.client.get("/api/t/own/x", headers=caller)).status_code == 200
    assert len(upstream.seen["x"]) == 2


async def test_many_at_once_are_one_request(
    gateway: RunningGateway, upstream: RawUpstream, issuer: TokenIssuer
) -> None:
    go = threading.Event()

    @upstream.run("slow")
    def slow(peer: Peer, request: Request) -> None:
        go.wait(10)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")

    asking = [asyncio.create_task(gateway.client.get("/api/t/shared/slow", headers=ada(issuer))) for _ in range(30)]
    await eventually(lambda: len(upstream.seen["slow"]) == 1)
    for leaver in asking[:10]:  # the one whose request it was among them
        leaver.cancel()
    go.set()
    answers = await asyncio.gather(*asking[10:])
    assert {answer.text for answer in answers} == {"slow"}
    assert len(upstream.seen["slow"]) == 1


@pytest.mark.parametrize(
    "fields",
    [
        b"Cache-Control: no-store",
        b"Cache-Control: private",
        b'Cache-Control: private="x"',
        b"Cache-Control: max-age=60, no-store",
        b"Cache-Control: \x01",
        b"Set-Cookie: session=secret",
        b"Vary: *",
    ],
)
async def test_what_is_never_kept(
    gateway: RunningGateway, upstream: RawUpstream, issuer: TokenIssuer, fields: bytes
) -> None:
    if b"\x01" in fields:
        fields = b'Cache-Control: "unreadable'
    upstream.on("x", b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: 2\r\n\r\nok" % fields)
    for number in range(3):
        answer = await gateway.client.get("/api/t/shared/x", headers=ada(issuer) if number % 2 else bob(issuer))
        assert answer.text == "ok"
    # The first was asked for together with nobody, and then again for its own asker: at least one each.
    assert len(upstream.seen["x"]) >= 3


@pytest.mark.parametrize("status", [b"404 Not Found", b"206 Partial Content", b"302 Found", b"203 X", b"500 X"])
async def test_only_200_is_kept(
    gateway: RunningGateway, upstream: RawUpstream, issuer: TokenIssuer, status: bytes
) -> None:
    upstream.on("x", b"HTTP/1.1 %b\r\nContent-Length: 2\r\n\r\nno" % status)
    for _ in range(3):
        answer = await gateway.client.get("/api/t/shared/x", headers=ada(issuer))
        assert answer.status_code == int(status[:3])
    assert len(upstream.seen["x"]) >= 3


async def test_what_asks_for_more_than_it_passes_by(
    gateway: RunningGateway, upstream: RawUpstream, issuer: TokenIssuer
) -> None:
    for field in ({"Range": "bytes=0-1"}, {"Cache-Control": "no-store"}, {"If-Match": '"x"'}):
        before = len(upstream.seen["x"])
        answer = await gateway.client.get("/api/t/shared/x", headers={**ada(issuer), **field})
        assert "cache-status" not in answer.headers
        assert len(upstream.seen["x"]) == before + 1
    await gateway.client.get("/api/t/shared/x", headers=ada(issuer))
    before = len(upstream.seen["x"])
    await gateway.client.get("/api/t/shared/x", headers={**ada(issuer), "Cache-Control": "no-cache"})
    assert len(upstream.seen["x"]) == before + 1


async def test_answers_too_large_are_passed_on_whole(gateway: RunningGateway, upstream: RawUpstream) -> None:
    upstream.on("big", b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50000)
    for _ in range(3):
        answer = await gateway.client.get("/api/t/small/big")
        assert answer.content == b"x" * 50000


async def test_a_client_may_ask_whether_it_changed(
    gateway: RunningGateway, upstream: RawUpstream, issuer: TokenIssuer
) -> None:
    upstream.on("x", b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nX-Own: a\r\nContent-Length: 2\r\n\r\nok')
    assert (await gateway.client.get("/api/t/shared/x", headers=ada(issuer))).headers["etag"] == '"v1"'
    for condition, status in (('"v1"', 304), ('W/"v1"', 304), ("*", 304), ('"x", "v1"', 304), ('"v2"', 200)):
        answer = await gateway.client.get("/api/t/shared/x", headers={**ada(issuer), "If-None-Match": condition})
        assert answer.status_code == status, condition
        assert answer.headers["etag"] == '"v1"'
        assert ("x-own" in answer.headers) == (status == 200)
    upstream.on("y", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    made = (await gateway.client.get("/api/t/shared/y", headers=ada(issuer))).headers["etag"]
    again = await gateway.client.get("/api/t/shared/y", headers={**ada(issuer), "If-None-Match": made})
    assert again.status_code == 304


async def test_a_stale_answer_is_asked_about_and_renewed(gateway: RunningGateway, upstream: RawUpstream) -> None:
    @upstream.run("x")
    def answer(peer: Peer, request: Request) -> None:
        if request.all(b"if-none-match") == [b'"v1"']:
            peer.send(b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\nX-New: b\r\n\r\n')
        else:
            peer.send(b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nX-New: a\r\nContent-Length: 2\r\n\r\nok')

    first = await gateway.client.get("/api/t/short/x")
    second = await gateway.client.get("/api/t/short/x")
    assert (first.headers["x-new"], second.headers["x-new"]) == ("a", "b")
    assert second.text == "ok"
    assert len(upstream.seen["x"]) == 2


@pytest.mark.parametrize("failure", ["end", "500", "silence"])
async def test_what_is_given_when_the_upstream_fails(
    gateway: RunningGateway, upstream: RawUpstream, failure: str
) -> None:
    assert (await gateway.client.get("/api/t/short/x")).text == "ok"
    if failure == "silence":
        upstream.run("x")(lambda peer, request: peer.wait_end())
    else:
        upstream.on("x", *([b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"] if failure == "500" else []), end=True)
    answer = await gateway.client.get("/api/t/short/x")
    assert (answer.status_code, answer.text) == (200, "ok")


async def test_only_what_was_kept_is_given(gateway: RunningGateway, upstream: RawUpstream) -> None:
    upstream.on("never", end=True)
    assert (await gateway.client.get("/api/t/short/never")).status_code == 502
    upstream.on("strict", b"HTTP/1.1 200 OK\r\nCache-Control: must-revalidate\r\nContent-Length: 2\r\n\r\nok")
    assert (await gateway.client.get("/api/t/short/strict")).text == "ok"
    upstream.on("strict", end=True)
    assert (await gateway.client.get("/api/t/short/strict")).status_code == 502
    upstream.on("part", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart", end=True)
    assert (await gateway.client.get("/api/t/short/part")).status_code == 503
    upstream.on("part", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole")
    assert (await gateway.client.get("/api/t/short/part")).text == "whole"


async def test_a_change_makes_all_of_it_old(
    gateway: RunningGateway, upstream: RawUpstream, issuer: TokenIssuer
) -> None:
    await gateway.client.get("/api/t/shared/x", headers=ada(issuer))
    assert (await gateway.client.post("/api/t/change/y")).status_code == 200
    await gateway.client.get("/api/t/shared/x", headers=ada(issuer))
    assert len(upstream.seen["x"]) == 2


async def test_what_an_upstream_answers_to_whom_it_knows_is_kept_for_exactly_them(
    gateway: RunningGateway, upstream: RawUpstream, issuer: TokenIssuer
) -> None:
    @upstream.run("x")
    def answer(peer: Peer, request: Request) -> None:
        body = b",".join(request.all(b"x-fluxgate-user") + request.all(b"x-fluxgate-roles"))
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    boss = issuer.headers(Principal(id="ada", roles=frozenset({"boss"})))
    for headers, told in [(ada(issuer), "ada,"), (boss, "ada,boss"), (bob(issuer), "bob,"), (boss, "ada,boss")]:
        assert (await gateway.client.get("/api/t/told/x", headers=headers)).text == told
    assert len(upstream.seen["x"]) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"methods": frozenset({"POST"})},
        {"headers": HeaderPolicy(identity=True)},
        {"headers": HeaderPolicy(credentials="forward")},
    ],
)
async def test_what_cant_be_kept_for_everybody_is_refused_when_the_plugin_is_loaded(wrong: dict[str, Any]) -> None:
    cache = CachePolicy(ttl=1, shared=True)
    route = ProxyRoute(
        path="/x", upstream="up", upstream_path="/x", cache=cache, **{"methods": frozenset({"GET"})} | wrong
    )
    spec = PluginSpec(
        title="T", version="1", upstreams=(Upstream(name="up", url="http://127.0.0.1:9"),), proxy_routes=(route,)
    )
    with pytest.raises(PluginError, match=r"can't be|can be"):
        async with running_gateway(plugin_record(spec, "t")):
            pass


async def test_only_declared_fields_go_upstream_and_tell_answers_apart(
    gateway: RunningGateway, upstream: RawUpstream
) -> None:
    @upstream.run("x")
    def answer(peer: Peer, request: Request) -> None:
        body = (request.all(b"accept-language") or [b"-"])[0] + b"|" + (request.all(b"x-evil") or [b"-"])[0]
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    evil = {"X-Evil": "poison", "X-Forwarded-Host": "evil.example.org"}
    for language in ("de", "en", "de"):
        got = await gateway.client.get("/api/t/varied/x", headers={"Accept-Language": language, **evil})
        assert got.text == f"{language}|-"
    assert len(upstream.seen["x"]) == 2
    assert all(not request.all(b"x-forwarded-host") for request in upstream.seen["x"])


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    cache = MicroCache(100_000)
    policy = CachePolicy()
    for number in range(1000):
        entry = make_entry([(b"x", b"y")], b"z" * 1000, policy, 0.0)
        assert entry is not None
        cache.put((number,), entry)
        assert cache.size <= 100_000
    assert cache.get((0,)) is None
    assert cache.get((999,)) is not None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("", 10.0),
        ("max-age=3", 3.0),
        ("max-age=3, s-maxage=2", 2.0),
        ("s-maxage=0", 0.0),
        ("max-age=99999", 10.0),
        ("max-age=x", 0.0),
        ("no-cache", 0.0),
        ("public, MAX-AGE=4", 4.0),
        ('ext="a, no-store", max-age=4', 4.0),
        ("no-store", None),
        ('private="set-cookie"', None),
        ('"', None),
    ],
)
def test_how_long(said: str, seconds: float | None) -> None:
    fields = [(b"Cache-Control", said.encode())] if said else []
    assert lifetime(fields, CachePolicy(ttl=10.0)) == seconds


def test_what_was_under_way_for_long_is_older() -> None:
    assert lifetime([(b"cache-control", b"max-age=10"), (b"age", b"8")], CachePolicy(ttl=10.0)) == 2.0


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_taken_for_the_worst(value: bytes) -> None:
    found = directives([(b"cache-control", value)])
    assert found is None or all(name == name.lower() for name in found)
    if b"no-store" in value.lower().replace(b",", b" ").replace(b"\t", b" ").split():
        assert found is None or b"no-store" in found or b'"' in value
