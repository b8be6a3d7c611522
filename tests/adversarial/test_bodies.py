"""Oversized, endless and slow: what never ends is ended, and costs nobody else anything."""

from __future__ import annotations

import contextlib
import time

from tests.adversarial.ledger import Ledger
from tests.support.gateway import MAX_HEAD, MIB, GatewayProcess, MemoryWatch
from tests.support.rawpeer import RawClient, RawUpstream, request_bytes

GROWTH = 30 * MIB
FLOOD = 64 * MIB


def flood(client: RawClient, opening: bytes, piece: bytes, total: int) -> bytes:
    """Send the opening and then pieces until the gateway has had enough; what it said."""
    sent = 0
    with contextlib.suppress(OSError):
        client.send(opening)
        while sent < total:
            client.send(piece)
            sent += len(piece)
    with contextlib.suppress(OSError, AssertionError):
        return client.read_to_end()
    return b""


def test_floods_are_ended_and_kept_out_of_memory(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger
) -> None:
    start = b"POST /api/t/limited/%b HTTP/1.1\r\nHost: a.test\r\n" % key.encode()
    block = b"a" * 65536
    floods = (
        ("an endless request line", b"GET /", block),
        ("an endless field name", b"GET / HTTP/1.1\r\nHost: a.test\r\n", block),
        ("an endless field value", b"GET / HTTP/1.1\r\nHost: a.test\r\nX: ", block),
        ("endless fields", b"GET / HTTP/1.1\r\nHost: a.test\r\n", b"X: y\r\n" * 8000),
        ("endless empty lines", b"", b"\r\n" * 32000),
        ("an announced body over the limit", start + b"Content-Length: 99999999\r\n\r\n", block),
        ("an endless chunked body", start + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + block + b"\r\n"),
        ("an endless chunk extension", start + b"Transfer-Encoding: chunked\r\n\r\n1;", block),
        ("an endless chunk size", start + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * 65536),
        ("an endless trailer", start + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", block),
        ("tiny chunks", start + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 8000),
        ("no HTTP at all", b"\x16\x03\x01", block),
        (
            "a body for a handler",
            b"POST /api/t/release/%b HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n" % key.encode(),
            b"10000\r\n" + block + b"\r\n",
        ),
    )
    for name, opening, piece in floods:
        with MemoryWatch(gateway) as memory, RawClient(gateway.port) as client:
            begun = time.monotonic()
            flood(client, opening, piece, FLOOD)
        if memory.growth > GROWTH:
            ledger.enter(name, through=f"it grew by {memory.growth // MIB} MiB")
        elif time.monotonic() - begun > 10:
            ledger.enter(name, through="it wasn't ended")
        else:
            ledger.enter(name, through=gateway.ask("GET", "/-/health/live").status != 200)
    assert max(len(request.head) for peer in upstream.peers for request in peer.requests) < 2 * MAX_HEAD


def test_an_endless_answer_is_passed_on_in_little_memory(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger
) -> None:
    answers = (
        ("an endless head", b"HTTP/1.1 200 OK\r\nX: ", b"a" * 65536),
        ("endless fields", b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 8000),
        ("endless interim answers", b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 2000),
        ("an endless status line", b"HTTP/1.1 200 ", b"a" * 65536),
        ("an endless chunk extension", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 65536),
        ("an endless trailer", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"a" * 65536),
    )
    for number, (name, opening, piece) in enumerate(answers):
        mine = f"{key}x{number}"
        upstream.on(mine, opening, *[piece] * (FLOOD // len(piece)), end=True)
        with MemoryWatch(gateway) as memory, RawClient(gateway.port) as client:
            client.send(request_bytes("GET", f"/api/t/r/{mine}"))
            with contextlib.suppress(OSError):
                client.read_some()
        ledger.enter(name, through=memory.growth > GROWTH and f"it grew by {memory.growth // MIB} MiB")


def test_a_crowd_of_slow_clients_shuts_nobody_out(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger
) -> None:
    """300 connections that dribble, in four ways; an honest client is served meanwhile, at once."""
    ways = (
        b"GET / HTTP/1.1\r\nHost: a.test\r\nX: ",
        b"POST /api/t/r/%b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n" % key.encode(),
        b"POST /api/t/r/%b HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n" % key.encode(),
        b"",
    )
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(RawClient(gateway.port)) for _ in range(300)]
        for number, client in enumerate(slow):
            client.send(ways[number % len(ways)])
        for _ in range(5):
            for number, client in enumerate(slow):
                with contextlib.suppress(OSError):
                    client.send((b"a", b"b", b"1\r\nc\r\n", b"")[number % len(ways)])
            begun = time.monotonic()
            answer = gateway.ask("GET", f"/api/t/hello/{key}")
            took = time.monotonic() - begun
            ledger.enter("slow clients", through=answer.status != 200 or (took > 2 and f"{took:.1f} s"))
