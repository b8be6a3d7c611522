"""What our HTTP protocol does beyond uvicorn's, shown with small ASGI apps on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
import time
import weakref

import pytest

from fluxgate.types import Receive, Scope, Send
from tests.support.gateway import GatewayProcess, wait_for
from tests.support.protocol import serving
from tests.support.rawpeer import Peer, RawClient, RawUpstream, Request, request_bytes


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body it got."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def test_an_idle_connection_and_a_head_that_drips_are_ended() -> None:
    with serving(echo, head_timeout=0.3) as port, RawClient(port) as idle, RawClient(port) as slow:
        slow.send(b"GET / HTTP/1.1\r\nHo")
        assert idle.read_to_end() == b""
        assert slow.answer().status == 408
        assert slow.read_to_end() == b""


def test_the_head_timeout_is_over_once_the_head_came() -> None:
    with serving(echo, head_timeout=0.3) as port, RawClient(port) as client:
        for _ in range(2):
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")
            time.sleep(0.4)
            client.send(b"b")
            assert client.answer().body == b"ab"
        client.send(b"GET / HTTP/1.1\r\nHo")  # also on a connection that was used before
        assert client.answer().status == 408


def test_connections_over_the_limit_are_answered_503() -> None:
    with serving(echo, max_connections=2) as port, RawClient(port) as first, RawClient(port) as second:
        for client in (first, second):
            client.send(request_bytes("GET", "/"))
            assert client.answer().status == 200
        with RawClient(port) as third:
            third.send(request_bytes("GET", "/"))
            answer = third.answer()
            assert (answer.status, answer.all(b"retry-after"), answer.all(b"connection")) == (503, [b"1"], [b"close"])
            assert third.read_to_end() == b""
        first.send(request_bytes("GET", "/"))
        assert first.answer().status == 200


@pytest.mark.parametrize(
    ("headers", "bodies"),
    [
        ([(b"content-length", b"5")], [b"abc"]),
        ([(b"content-length", b"2")], [b"abc"]),
    ],
)
def test_a_body_that_isnt_as_long_as_it_said_is_broken_off(
    headers: list[tuple[bytes, bytes]], bodies: list[bytes]
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for body in bodies:
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    with serving(app) as port, RawClient(port) as client:
        client.send(request_bytes("GET", "/"))
        assert not client.answer().complete
        assert client.read_to_end() == b""


@pytest.mark.parametrize("field", [(b"x-a", b"1\r\nx-b: 2"), (b"x-a\r\nx-b", b"1"), (b"x a", b"1"), (b"", b"1")])
def test_an_app_cannot_split_the_answer(field: tuple[bytes, bytes]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [field]})

    with serving(app) as port, RawClient(port) as client:
        client.send(request_bytes("GET", "/"))
        answer = client.answer()
        assert answer.status == 500
        assert answer.all(b"x-b") == []


def test_an_app_that_fails_or_returns_early_is_not_taken_for_an_answer() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/nothing":
            return
        if scope["path"] == "/raise":
            raise ValueError("before")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        if scope["path"] == "/raise-later":
            raise ValueError("after")

    with serving(app) as port:
        for path in ("/nothing", "/raise"):
            with RawClient(port) as client:
                client.send(request_bytes("GET", path))
                assert client.answer().status == 500
        for path in ("/return-later", "/raise-later"):
            for version in ("1.1", "1.0"):
                with RawClient(port) as client:
                    client.send(f"GET {path} HTTP/{version}\r\nHost: a\r\n\r\n".encode())
                    if version == "1.1":
                        assert not client.answer().complete
                    else:
                        client.read_to_end()
                        assert client.was_reset


@pytest.mark.parametrize("status", [204, 304, 200])
def test_length_and_chunks_by_status(status: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"3")]})
        await send({"type": "http.response.body", "body": b"abc", "more_body": False})

    with serving(app) as port, RawClient(port) as client:
        client.send(request_bytes("GET", "/") + request_bytes("HEAD", "/"))
        assert client.answer().all(b"content-length") == ([] if status == 204 else [b"3"])
        assert client.answer(bodyless=True).all(b"transfer-encoding") == []


def test_a_stream_is_told_at_once_when_its_client_leaves() -> None:
    told = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.Event()

        def leave() -> None:
            told.set()
            gone.set()

        scope["fluxgate.on_disconnect"](leave)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"frame", "more_body": True})
        await gone.wait()
        assert not scope["extensions"]["fluxgate.transport"].get_extra_info("peername") or True

    with serving(app) as port:
        client = RawClient(port)
        client.send(request_bytes("GET", "/"))
        client.read_some()
        client.close()
        assert told.wait(2)


def test_the_head_leaves_with_the_body_and_does_not_wait_for_it() -> None:
    go_on = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        if scope["path"] == "/later":
            while not go_on.is_set():
                await asyncio.sleep(0.01)
        await send({"type": "http.response.body", "body": b"ab", "more_body": False})

    with serving(app) as port, socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(request_bytes("GET", "/"))
        assert client.recv(65536).endswith(b"\r\n\r\nab"), "in one packet"
        client.sendall(request_bytes("GET", "/later"))
        assert client.recv(65536).endswith(b"\r\n\r\n")
        go_on.set()
        assert client.recv(65536) == b"ab"


def test_a_request_that_is_over_is_not_left_to_the_garbage_collector() -> None:
    cycles: list[weakref.ref[object]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        cycles.append(weakref.ref(scope["fluxgate.cycle"]))
        await echo(scope, receive, send)

    gc.disable()
    try:
        with serving(app) as port, RawClient(port) as client:
            for _ in range(3):
                client.send(request_bytes("GET", "/"))
                assert client.answer().status == 200
            assert [cycle() is None for cycle in cycles[:2]] == [True, True]
    finally:
        gc.enable()


def test_a_connection_is_kept_while_it_is_used_and_closed_when_it_is_idle() -> None:
    with serving(echo, keep_alive=2.0) as port, RawClient(port) as client:
        for _ in range(5):
            client.send(request_bytes("GET", "/"))
            assert client.answer().status == 200
            time.sleep(0.6)
        begun = time.monotonic()
        assert client.read_to_end() == b""
        assert time.monotonic() - begun < 20


def test_no_callback_after_the_answer() -> None:
    called = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["fluxgate.on_disconnect"](called.set)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    with serving(app) as port:
        with RawClient(port) as client:
            client.send(request_bytes("GET", "/"))
            assert client.answer().status == 200
        with RawClient(port) as client:
            client.send(request_bytes("GET", "/"))
            assert client.answer().status == 200
        assert not called.is_set()


def test_an_answer_before_the_end_of_the_request_closes_in_order() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok", "more_body": False})

    with serving(app) as port, RawClient(port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
        client.send(b"x" * 1_000_000)
        client.send(b"x" * 1_000_000)
        assert client.answer().body == b"ok"
        assert client.read_to_end() == b""
        assert not client.was_reset


def test_pipelined_requests_behind_a_slow_one_are_held_in_little_memory() -> None:
    release = threading.Event()
    started: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        started.append(scope["path"])
        if scope["path"] == "/slow":
            await asyncio.to_thread(release.wait, 10)
        await echo(scope, receive, send)

    with serving(app) as port, RawClient(port) as client:
        client.send(request_bytes("GET", "/slow"), request_bytes("POST", "/second", (), b"body"))
        total = 0
        client.sock.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            while total < 50_000_000:
                total += client.sock.send(request_bytes("GET", "/" + "x" * 1000) * 50)
        assert total < 20_000_000, "the kernel holds what the server doesn't read"
        assert started == ["/slow"]
        release.set()
        client.sock.settimeout(10)
        assert client.answer().status == 200
        assert client.answer().body == b"body"
        assert client.answer().status == 200


def test_sigterm_lets_requests_finish_and_ends_with_0() -> None:
    release = threading.Event()
    upstream = RawUpstream()

    @upstream.run("slow")
    def slow(peer: Peer, request: Request) -> None:
        assert release.wait(10)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    gateway = GatewayProcess(upstream.url)
    with gateway.client() as client, gateway.client() as idle:
        idle.send(request_bytes("GET", "/-/health/live"))
        assert idle.answer().status == 200
        client.send(request_bytes("GET", "/api/t/r/slow"))
        wait_for(lambda: upstream.seen["slow"])
        stopping = threading.Thread(target=gateway.stop, daemon=True)
        stopping.start()
        assert idle.read_to_end() == b""
        release.set()
        assert client.answer().body == b"ok"
        stopping.join(10)
        assert not stopping.is_alive()
    assert gateway.process.returncode == 0
    upstream.close()


def test_sigterm_cuts_what_takes_longer_than_the_shutdown_timeout() -> None:
    upstream = RawUpstream()

    @upstream.run("never")
    def never(peer: Peer, request: Request) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\npart")
        peer.wait_end()

    gateway = GatewayProcess(upstream.url, shutdown_timeout=0.5)
    with gateway.client() as client:
        client.send(request_bytes("GET", "/api/t/r/never"))
        wait_for(lambda: upstream.seen["never"])
        gateway.stop()
        assert not client.answer().complete
    upstream.close()
