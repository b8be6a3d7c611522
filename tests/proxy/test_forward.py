"""The forwarder as a plain ASGI app, on a server that knows nothing of ours: only `receive` tells of the client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from typing import Any

import pytest

from fluxgate.errors import PayloadTooLargeError
from fluxgate.policy import PUBLIC
from fluxgate.proxy import Capture, Exchange, ProxyRoute, Upstream
from fluxgate.proxy.forward import ClientGone, Forwarder
from fluxgate.proxy.pool import Pool
from fluxgate.types import Message, Scope
from tests.proxy.test_rules_bodies import peer_of
from tests.support.rawpeer import OK, Peer, RawUpstream, Request
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

BODY = b"content-length"
DISCONNECT: Message = {"type": "http.disconnect"}


class Client:
    """Gives these messages, then waits until `leave()`; keeps what was sent to it."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._messages = list(messages)
        self._left = asyncio.Event()
        self.sent: list[Message] = []

    def leave(self) -> None:
        self._left.set()

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.pop(0)
        await self._left.wait()
        return DISCONNECT

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


def piece(body: bytes, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def scope_of(key: str, method: str = "GET", length: int | None = None) -> Scope:
    headers = [(b"host", b"gateway.test")]
    if length is not None:
        headers.append((BODY, b"%d" % length))
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "headers": headers,
        "http_version": "1.1",
        "scheme": "http",
        "client": None,
        "query_string": b"",
        "fluxgate.request_id": "test-request",
        "fluxgate.params": {"key": key.encode()},
    }
    return scope


def forwarder(upstream: RawUpstream, capture: Capture | None = None) -> Forwarder:
    route = ProxyRoute(
        policy=PUBLIC,
        methods=frozenset({"GET", "POST"}),
        path="/r/{key}",
        upstream="u",
        upstream_path="/r/{key}",
        max_body=100,
        capture=capture,
    )
    return Forwarder(route, Pool(Upstream(name="u", url=upstream.url)))


def thinking(upstream: RawUpstream, key: str) -> None:
    @upstream.run(key)
    def think(peer: Peer, request: Request) -> None:
        upstream.bodies[key].append(peer.read_body(request))
        peer.wait_end()


async def test_get_and_post(upstream: RawUpstream, key: str) -> None:
    app = forwarder(upstream)
    client = Client()
    await app(scope_of(key), client.receive, client.send)
    assert (client.sent[0]["status"], client.body) == (200, b"ok")
    client = Client([piece(b"ab", True), piece(b"", True), piece(b"c")])
    await app(scope_of(key, "POST", 3), client.receive, client.send)
    assert client.body == b"ok"
    assert upstream.bodies[key] == [b"", b"abc"]
    assert app.pool.idle == 1
    app.pool.close()


@pytest.mark.parametrize("length", [None, 3])
async def test_a_disconnect_while_waiting_cancels_the_upstream(
    upstream: RawUpstream, key: str, length: int | None
) -> None:
    app = forwarder(upstream)
    thinking(upstream, key)
    client = Client([piece(b"abc")] if length else [])
    task = asyncio.ensure_future(app(scope_of(key, "POST", length), client.receive, client.send))
    await eventually(lambda: upstream.bodies[key])
    client.leave()
    with pytest.raises(ClientGone):
        await task
    await eventually(peer_of(upstream, key).ended.is_set)
    assert app.pool.in_use == 0
    app.pool.close()


async def test_a_disconnect_in_mid_body_breaks_the_upload(upstream: RawUpstream, key: str) -> None:
    app = forwarder(upstream)
    client = Client([piece(b"ab", True), DISCONNECT])
    with pytest.raises(ClientGone):
        await app(scope_of(key, "POST", 3), client.receive, client.send)
    await eventually(lambda: upstream.bodies[key] == [None])
    app.pool.close()


@pytest.mark.parametrize("body", [b"", b"a", b"abcd"])
async def test_a_body_that_isnt_as_long_as_it_said_is_never_passed_on_as_whole(
    upstream: RawUpstream, key: str, body: bytes
) -> None:
    app = forwarder(upstream)
    client = Client([piece(body)])
    with pytest.raises(ClientGone):
        await app(scope_of(key, "POST", 3), client.receive, client.send)
    await eventually(lambda: upstream.bodies[key] == [None])
    assert (app.pool.in_use, app.pool.idle) == (0, 0)
    app.pool.close()


async def test_too_large_is_raised_before_anything_is_read(upstream: RawUpstream, key: str) -> None:
    app = forwarder(upstream)

    async def never() -> Message:
        raise AssertionError("the body was asked for")

    with pytest.raises(PayloadTooLargeError):
        await app(scope_of(key, "POST", 101), never, Client().send)
    assert not upstream.seen[key]
    app.pool.close()


async def test_a_cancelled_request_gives_its_slot_back_and_stays_cancelled(upstream: RawUpstream, key: str) -> None:
    app = forwarder(upstream)
    thinking(upstream, key)
    client = Client([piece(b"abc")])
    task = asyncio.ensure_future(app(scope_of(key, "POST", 3), client.receive, client.send))
    await eventually(lambda: upstream.bodies[key])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert app.pool.in_use == 0
    app.pool.close()


async def test_a_capture_outlives_a_disconnect(upstream: RawUpstream, key: str) -> None:
    captured: list[Exchange] = []

    async def then(exchange: Exchange) -> None:
        captured.append(exchange)

    app = forwarder(upstream, Capture(then=then))
    client = Client([piece(b"abc")])

    released = threading.Event()

    @upstream.run(key)
    def accept(peer: Peer, request: Request) -> None:
        upstream.bodies[key].append(peer.read_body(request))
        assert released.wait(10)
        peer.send(OK)

    task = asyncio.ensure_future(app(scope_of(key, "POST", 3), client.receive, client.send))
    await eventually(lambda: upstream.bodies[key])
    client.leave()
    await asyncio.sleep(0.01)
    released.set()
    with pytest.raises(ClientGone):
        await task
    assert [(one.request_body, one.response_body) for one in captured] == [(b"abc", b"ok")]
    app.pool.close()
