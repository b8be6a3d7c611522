"""Clients that send or read slowly: honest ones are served, the others let go of what they hold."""

from __future__ import annotations

import itertools
import select
import socket
import threading
import time
from collections.abc import Iterator

import msgspec
import pytest

from fluxgate.server.pace import Pace
from fluxgate.testing import NO_RATES
from fluxgate.types import Receive, Scope, Send
from tests.support.gateway import TRUSTED, GatewayProcess, wait_for
from tests.support.protocol import serving
from tests.support.rawpeer import Peer, RawClient, RawUpstream, Request, request_bytes

MIB = 1024 * 1024
LIMITS = msgspec.structs.replace(
    NO_RATES,
    head_timeout=1.0,
    keepalive_timeout=1.0,
    min_upload_rate=1000,
    min_download_rate=1000,
    slow_grace=0.4,
    max_connections_per_address=30,
)
_keys = (f"slow{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def upstream() -> Iterator[RawUpstream]:
    server = RawUpstream()
    yield server
    server.close()


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream) -> Iterator[GatewayProcess]:
    with GatewayProcess(upstream.url, limits=LIMITS) as process:
        yield process


@pytest.fixture
def key() -> str:
    return next(_keys)


def test_a_body_that_drips_is_refused_and_its_upstream_let_go(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    with gateway.client() as client:
        client.send(request_bytes("POST", f"/api/t/r/{key}", (("Content-Length", "100000"),)))
        ended = threading.Event()

        def drip() -> None:
            while not ended.wait(0.05):
                try:
                    client.sock.send(b"x")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        began = time.monotonic()
        answer = client.answer()
        ended.set()
        dripping.join()
        assert (answer.status, answer.all(b"connection")) == (408, [b"close"])
        assert 0.3 < time.monotonic() - began < 3
    wait_for(lambda: gateway.pool("raw")["in_use"] == 0)
    assert upstream.bodies[key] == [None]


def test_a_slow_honest_upload_passes(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    pieces = 20
    with gateway.client() as client:
        client.send(request_bytes("POST", f"/api/t/r/{key}", (("Content-Length", str(pieces * 200)),)))
        for _ in range(pieces):
            time.sleep(0.1)  # 2000 bytes a second
            client.send(b"x" * 200)
        assert client.answer().status == 200
    assert upstream.bodies[key] == [b"x" * 200 * pieces]


def test_a_fast_upload_may_pause(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    with gateway.client() as client:
        client.send(request_bytes("POST", f"/api/t/r/{key}", (("Content-Length", "30001"),)), b"x" * 30_000)
        time.sleep(0.9)  # two windows
        client.send(b"x")
        assert client.answer().status == 200
    assert upstream.bodies[key] == [b"x" * 30_001]


def test_an_upstream_that_takes_a_body_slowly_is_no_fault_of_the_client(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    size = 12 * MIB

    @upstream.run(key)
    def slow(peer: Peer, request: Request) -> None:
        time.sleep(2)
        upstream.bodies[key].append(peer.read_body(request))
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with gateway.client() as client:
        client.send(request_bytes("POST", f"/api/t/r/{key}", (("Content-Length", str(size)),)))
        client.send(b"x" * size)
        assert client.answer().status == 200
    assert len(upstream.bodies[key][0] or b"") == size


def test_a_client_that_waits_to_be_asked_for_its_body_isnt_slow(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    fields = (("Expect", "100-continue"), ("Content-Length", "4"))
    for position in range(2):  # the pool of one: the second isn't asked before the first is through
        upstream.on(f"{key}{position}", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    with gateway.client() as first, gateway.client() as second:
        first.send(request_bytes("POST", f"/api/t/single/{key}0", (("Content-Length", "9000"),)))
        second.send(request_bytes("POST", f"/api/t/single/{key}1", fields))
        for _ in range(9):
            time.sleep(0.15)
            first.send(b"x" * 1000)
        assert first.answer().status == 200
        assert second.answer().status == 100
        second.send(b"body")
        assert second.answer().status == 200


def big(upstream: RawUpstream, key: str, size: int) -> None:
    @upstream.run(key)
    def answer(peer: Peer, request: Request) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size, bytes(size))


def narrow(port: int) -> RawClient:
    """A client whose kernel takes little."""
    client = RawClient.__new__(RawClient)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    sock.settimeout(10)
    sock.connect(("127.0.0.1", port))
    client.sock, client._unread, client.was_reset = sock, bytearray(), False
    return client


def wait_for_reset(client: RawClient) -> None:
    """Without reading, which would be a sign of life."""
    poll = select.poll()
    poll.register(client.sock, 0)
    ((_, event),) = poll.poll(10_000)
    assert event & select.POLLERR


def test_a_client_that_doesnt_read_is_cut_off_and_its_upstream_let_go(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    big(upstream, key, 30 * MIB)
    with narrow(gateway.port) as client:
        client.send(request_bytes("GET", f"/api/t/r/{key}"))
        wait_for(lambda: gateway.pool("raw")["in_use"] == 1)
        wait_for_reset(client)
        assert gateway.pool("raw")["in_use"] == 0


async def at_once(scope: Scope, receive: Receive, send: Send) -> None:
    """An answer that the server has whole, so that the request is over before the client has read any of it."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": bytes(8 * MIB), "more_body": False})


@pytest.mark.parametrize("fields", [(), (("Connection", "close"),)])
def test_a_client_that_leaves_its_answer_lying_is_cut_off(fields: tuple[tuple[str, str], ...]) -> None:
    with serving(at_once, pace=Pace(download=1000, window=0.3)) as port, narrow(port) as client:
        client.send(request_bytes("GET", "/", fields))
        wait_for_reset(client)


def test_a_slow_honest_download_passes(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    size = 6 * MIB
    big(upstream, key, size)
    with narrow(gateway.port) as client:
        client.send(request_bytes("GET", f"/api/t/r/{key}"))
        began = time.monotonic()
        read = 0
        while time.monotonic() - began < 2.5:  # six windows at some 40 KB a second
            read += len(client.sock.recv(2048))
            time.sleep(0.05)
        client.sock.settimeout(10)
        while chunk := client.sock.recv(MIB):
            read += len(chunk)
            if read >= size:
                break
        assert read >= size


def test_an_idle_connection_is_closed(gateway: GatewayProcess) -> None:
    with gateway.client() as client:
        client.send(request_bytes("GET", "/api/t/hello/x"))
        assert client.answer().status == 200
        began = time.monotonic()
        assert client.read_to_end() == b""
        assert 0.8 < time.monotonic() - began < 3


def test_one_address_has_so_many_connections_and_another_isnt_touched(gateway: GatewayProcess) -> None:
    def ask(client: RawClient) -> int:
        client.send(request_bytes("GET", "/api/t/hello/x"))
        return client.answer().status

    held = [gateway.client("127.0.2.1") for _ in range(30)]
    try:
        assert {ask(client) for client in held} == {200}
        with gateway.client("127.0.2.1") as over:
            answer = over.answer()  # before it asks anything
            assert answer.status == 503
            assert b'"code":"TOO_MANY_CONNECTIONS"' in answer.body
            assert over.read_to_end() == b""
        with gateway.client("127.0.2.2") as other:
            assert ask(other) == 200
        held.pop().close()

        def is_served() -> bool:
            with gateway.client("127.0.2.1") as client:
                return ask(client) == 200

        wait_for(is_served)
    finally:
        for client in held:
            client.close()
    proxy = [gateway.client(TRUSTED) for _ in range(40)]
    assert {ask(client) for client in proxy} == {200}
    for client in proxy:
        client.close()
