"""Rules 14, 15 and 18: what an upstream's failure becomes, what is tried again, and a pool that loses no slot."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from tests.proxy.test_rules_bodies import peer_of
from tests.support.gateway import GatewayProcess, wait_for
from tests.support.rawpeer import OK, Peer, RawClient, RawUpstream, Request, request_bytes


@pytest.mark.parametrize(
    ("prefix", "status", "code", "retry_after"),
    [
        ("refusing", 502, "UPSTREAM_UNREACHABLE", []),
        ("nowhere", 502, "UPSTREAM_UNREACHABLE", []),
        ("unanswering", 504, "UPSTREAM_TIMEOUT", []),
        ("down", 503, "PRINTER_OFFLINE", [b"2"]),
    ],
)
@pytest.mark.parametrize("body", [b"", b"body"])
def test_rule_14_no_connection(
    gateway: GatewayProcess, prefix: str, status: int, code: str, retry_after: list[bytes], body: bytes
) -> None:
    answer = gateway.ask("POST", f"/api/t/{prefix}/x", (), body)
    assert answer.status == status
    assert f'"code":"{code}"' in answer.text
    assert '"success":false' in answer.text
    assert answer.all(b"retry-after") == retry_after
    assert answer.all(b"content-type") == [b"application/problem+json"]
    for internal in ("127.0.0.1", "host.invalid", "Errno", "Traceback"):
        assert internal not in answer.text


@pytest.mark.parametrize("body", [b"", b"body"])
@pytest.mark.parametrize("reset", [True, False])
def test_rule_14_closed_or_reset_before_an_answer_is_502(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, body: bytes, reset: bool
) -> None:
    upstream.on(key, end=True, reset=reset)
    answer = gateway.ask("POST", f"/api/t/r/{key}", (), body)
    assert (answer.status, '"code":"UPSTREAM_UNREACHABLE"' in answer.text) == (502, True)


@pytest.mark.parametrize("reset", [True, False])
def test_rule_14_closed_or_reset_in_the_head_is_502(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, reset: bool
) -> None:
    upstream.on(key, b"HTTP/1.1 200 OK\r\nContent-Le", end=True, reset=reset)
    assert gateway.ask("GET", f"/api/t/r/{key}").status == 502
    assert len(upstream.seen[key]) == 1, "an answer had begun: not tried again"


@pytest.mark.parametrize("body", [b"", b"body"])
@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nX-A: 1", b"HTTP/1.1 102 Processing\r\n\r\n"])
def test_rule_14_a_silent_upstream_is_504(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, beginning: bytes, body: bytes
) -> None:
    @upstream.run(key)
    def stay_silent(peer: Peer, request: Request) -> None:
        peer.send(beginning)
        peer.wait_end()

    answer = gateway.ask("POST", f"/api/t/impatient/{key}", (), body)
    assert (answer.status, '"code":"UPSTREAM_TIMEOUT"' in answer.text) == (504, True)
    assert peer_of(upstream, key).ended.wait(5)


def test_rule_14_a_head_that_drips_doesnt_last_for_ever(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    @upstream.run(key)
    def drip(peer: Peer, request: Request) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nX-A: ")
        peer.sock.settimeout(0.05)
        while not peer.ended.is_set():
            peer.send(b"a")
            try:
                peer.sock.recv(1)
            except TimeoutError:
                continue
            peer.ended.set()

    assert gateway.ask("GET", f"/api/t/impatient/{key}").status == 504


def test_rule_14_silence_in_mid_body_breaks_the_transfer(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    @upstream.run(key)
    def stay_silent(peer: Peer, request: Request) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart")
        peer.wait_end()

    answer = gateway.ask("GET", f"/api/t/impatient/{key}")
    assert (answer.status, answer.body, answer.complete) == (200, b"part", False)


def test_rule_14_an_upstream_that_stops_reading_is_504(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    done = threading.Event()

    @upstream.run(key)
    def read_nothing(peer: Peer, request: Request) -> None:
        assert done.wait(20)

    size = 30_000_000
    with gateway.client() as client:
        client.send(request_bytes("POST", f"/api/t/impatient/{key}", (("Content-Length", str(size)),)))
        sender = threading.Thread(target=lambda: _send_quietly(client, b"x" * size), daemon=True)
        sender.start()
        assert client.answer().status == 504
        client.read_to_end()
    done.set()
    sender.join()


def _send_quietly(client: RawClient, data: bytes) -> None:
    with contextlib.suppress(OSError):
        client.send(data)


def test_rule_14_a_full_pool_is_503_with_retry_after(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    released = threading.Event()

    @upstream.run(key)
    def hold(peer: Peer, request: Request) -> None:
        assert released.wait(10)
        peer.send(OK)

    clients = [gateway.client(), gateway.client()]
    for client in clients:
        client.send(request_bytes("GET", f"/api/t/small/{key}"))
    wait_for(lambda: len(upstream.seen[key]) == 2)
    answer = gateway.ask("GET", f"/api/t/small/{key}")
    assert (answer.status, answer.all(b"retry-after")) == (503, [b"1"])
    assert '"code":"UPSTREAM_BUSY"' in answer.text
    assert gateway.pool("small")["in_use"] == 2
    released.set()
    assert [client.answer().status for client in clients] == [200, 200]
    wait_for(lambda: gateway.pool("small")["in_use"] == 0)
    for client in clients:
        client.close()


def stale(upstream: RawUpstream, key: str) -> list[int]:
    """Have `key` answered on the first request of a connection, and on none after it."""
    counts = [0]

    @upstream.run(key)
    def once(peer: Peer, request: Request) -> None:
        counts[0] += 1
        if len(peer.requests) > 1:
            peer.close()
        else:
            upstream.bodies[key].append(peer.read_body(request))
            peer.send(OK)

    return counts


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_rule_15_an_idempotent_request_is_tried_again_on_a_stale_connection(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, method: str
) -> None:
    counts = stale(upstream, key)
    gateway.ask("GET", f"/api/t/single/{key}-first")  # opens the connection
    wait_for(lambda: gateway.pool("single")["idle"] == 1)
    assert gateway.ask(method, f"/api/t/single/{key}").status == 200
    assert counts == [2]


@pytest.mark.parametrize(
    ("method", "prefix", "body"),
    [
        ("POST", "single", b""),
        ("POST", "single", b"start"),
        ("PATCH", "single", b""),
        ("PUT", "single", b"body"),
        ("DELETE", "single", b"body"),
    ],
)
def test_rule_15_anything_else_is_never_sent_twice(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, method: str, prefix: str, body: bytes
) -> None:
    counts = stale(upstream, key)
    gateway.ask("GET", f"/api/t/{prefix}/{key}-first")
    wait_for(lambda: gateway.pool(prefix)["idle"] == 1)
    assert gateway.ask(method, f"/api/t/{prefix}/{key}", (), body).status == 502
    assert counts == [1]


def test_rule_15_a_get_that_becomes_a_post_is_never_sent_twice(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    upstream.on(key, end=True)
    assert gateway.ask("GET", f"/api/t/as-post/{key}").status == 502
    assert [request.method for request in upstream.seen[key]] == [b"POST"]


def test_rule_15_tries_are_bounded_and_a_route_may_have_one(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    upstream.on(key, end=True)
    assert gateway.ask("GET", f"/api/t/r/{key}").status == 502
    assert len(upstream.seen[key]) == 2
    assert gateway.ask("GET", f"/api/t/once/{key}").status == 502
    assert len(upstream.seen[key]) == 3


def test_keep_alive_connections_are_used_again_and_end_in_time(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    for number in range(3):
        gateway.ask("GET", f"/api/t/single/{key}-{number}")
    peers = {id(peer_of(upstream, f"{key}-{number}")) for number in range(3)}
    assert len(peers) == 1
    assert peer_of(upstream, f"{key}-2").ended.wait(20), "idle for longer than `keepalive`"
    wait_for(lambda: gateway.pool("single")["idle"] == 0)


def test_a_method_override_to_get_keeps_head_without_a_body(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    with gateway.client() as client:
        client.send(request_bytes("HEAD", f"/api/t/as-get/{key}"))
        assert client.answer(bodyless=True).all(b"content-length") == [b"2"]
        client.send(request_bytes("GET", f"/api/t/as-get/{key}"))
        assert client.answer().body == b"ok"


CANCELS = 3000
AT_ONCE = 60


@pytest.mark.anyio
async def test_rule_18_thousands_of_cancelled_requests_lose_no_slot(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    def answer_some(peer: Peer, request: Request) -> None:
        if request.target.endswith(b"?answer"):
            peer.read_body(request)
            peer.send(OK)
        else:
            peer.wait_end()

    upstream.scripts[key] = answer_some
    before = gateway.descriptors()
    left = iter(range(CANCELS))
    served = 0

    async def leave_again_and_again() -> None:
        nonlocal served
        for number in left:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            kind = number % 5
            body = b"x" * 2000 if kind == 1 else b""
            method = "POST" if body else "GET"
            writer.write(request_bytes(method, f"/api/t/contended/{key}{'?answer' if kind == 4 else ''}", (), body))
            if kind == 4:
                line = await reader.readline()
                served += b" 200 " in line
            else:
                await asyncio.sleep((number * 7 % 11) / 2000)
            if number % 2:
                writer.transport.abort()
            else:
                writer.close()

    async with asyncio.timeout(60):
        await asyncio.gather(*(leave_again_and_again() for _ in range(AT_ONCE)))
    assert served > CANCELS // 10
    await asyncio.to_thread(
        wait_for, lambda: (gateway.pool("contended")["in_use"], gateway.pool("contended")["waiting"]) == (0, 0), 10
    )
    for _ in range(10):
        assert (await asyncio.to_thread(gateway.ask, "GET", f"/api/t/contended/{key}?answer")).status == 200
    await asyncio.to_thread(wait_for, lambda: gateway.descriptors() <= before + 10, 10)
