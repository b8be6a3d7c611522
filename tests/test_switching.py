"""`scope["fluxgate.switch"]`: a connection leaves HTTP after a 101, or stays in it, and never something in between."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from fluxgate.switching import SwitchedProtocol
from fluxgate.types import Receive, Scope, Send
from tests.support.rawpeer import RawClient, request_bytes
from tests.support.websocket import handshake
from tests.test_server import echo, serving


class Repeater(SwitchedProtocol):
    """Sends back what it gets; ends at a `.`, and with a word at the server's end."""

    def __init__(self) -> None:
        self.sent = 0
        self.over = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)
        self.sent += len(data)
        if data.endswith(b"."):
            self.over.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()

    def shutdown(self) -> None:
        self.transport.write(b"bye")
        self.transport.close()

    async def wait_closed(self) -> None:
        await self.over.wait()
        self.transport.close()


async def repeat(scope: Scope, receive: Receive, send: Send) -> None:
    """Switches where it can, unless it is asked for `/no`; else answers as `echo` does."""
    switch = scope.get("fluxgate.switch")
    if switch is None or scope["path"] == "/no":
        await echo(scope, receive, send)
    else:
        assert await switch([(b"upgrade", b"websocket")], Repeater())


def test_the_connection_is_the_protocols_after_the_101() -> None:
    with serving(repeat) as port, RawClient(port) as client:
        client.send(request_bytes("GET", "/no"), handshake("/") + b"behind, ")
        assert client.answer().status == 200
        answer = client.answer()
        assert (answer.status, answer.all(b"upgrade"), answer.all(b"connection")) == (101, [b"websocket"], [b"upgrade"])
        client.send(b"GET / HTTP/1.1\r\n\r\n.")
        assert client.read_to_end() == b"behind, GET / HTTP/1.1\r\n\r\n."


@pytest.mark.parametrize(
    "request_",
    [
        handshake("/no"),
        handshake("/", {"Connection": "keep-alive"}),
        handshake("/", {"Upgrade": "h2c"}),
        handshake("/", {"Content-Length": "0"}),
        handshake("/", start="POST / HTTP/1.1"),
    ],
)
def test_without_a_101_the_connection_stays_http(request_: bytes) -> None:
    with serving(repeat) as port, RawClient(port) as client:
        client.send(request_ + request_bytes("POST", "/no", (), b"one"), request_bytes("POST", "/no", (), b"two"))
        assert [client.answer().body for _ in range(3)] == [b"", b"one", b"two"]


def test_http_1_0_has_no_upgrade() -> None:
    with serving(repeat) as port, RawClient(port) as client:
        client.send(handshake("/", start="GET / HTTP/1.0") + b"behind")
        assert client.answer().status == 200
        assert client.read_to_end() == b""


def test_the_protocol_is_told_of_the_servers_end() -> None:
    with contextlib.ExitStack() as stack:
        with serving(repeat) as port:
            client = stack.enter_context(RawClient(port))
            client.send(handshake("/"))
            assert client.answer().status == 101
        assert client.read_to_end() == b"bye"


def test_little_of_what_waits_behind_a_handshake_is_held() -> None:
    release = asyncio.Event()
    loop: list[asyncio.AbstractEventLoop] = []

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            loop.append(asyncio.get_running_loop())
            await release.wait()
        await echo(scope, receive, send)

    with serving(slow) as port, RawClient(port) as client:
        client.send(handshake("/slow"))
        total = 0
        client.sock.settimeout(0.3)
        piece = request_bytes("POST", "/", (), b"x" * 1000)
        with contextlib.suppress(TimeoutError):
            while total < 50_000_000:
                total += client.sock.send(piece[total % len(piece) :])
        assert total < 50_000_000, "the kernel holds what the server doesn't read"
        loop[0].call_soon_threadsafe(release.set)
        client.sock.settimeout(10)
        assert client.answer().status == 200
        assert client.answer().body == b"x" * 1000
