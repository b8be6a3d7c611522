"""Rules 9, 11, 12, 13, 16 and 20: bodies pass raw, and whatever breaks on one side breaks on the other."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time

import pytest

from tests.support.gateway import MIB, GatewayProcess, MemoryWatch, wait_for
from tests.support.rawpeer import Peer, RawUpstream, Request, chunks, request_bytes


def peer_of(upstream: RawUpstream, key: str) -> Peer:
    """The connection on which `key` was asked for."""
    request = wait_for(lambda: next(iter(upstream.seen[key]), None))
    return next(peer for peer in upstream.peers if any(one is request for one in peer.requests))


def test_rule_09_a_compressed_body_is_untouched(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    packed = gzip.compress(b"G28\n" * 1000)
    upstream.on(key, b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)
    headers = (("Accept-Encoding", "gzip;q=1.0, *;q=0"), ("Content-Encoding", "gzip"))
    answer = gateway.ask("POST", f"/api/t/r/{key}", headers, packed)
    assert answer.body == packed
    assert answer.all(b"content-encoding") == [b"gzip"]
    assert upstream.bodies[key] == [packed]
    assert upstream.request(key).all(b"accept-encoding") == [b"gzip;q=1.0, *;q=0"]


def test_rule_09_ranges_and_conditions_pass_verbatim(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    asked = (
        ("Range", "bytes=0-1,4-"),
        ("If-Range", 'W/"x"'),
        ("If-None-Match", '"a", W/"b"'),
        ("If-Modified-Since", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("If-Match", "*"),
    )
    upstream.on(
        key,
        b'HTTP/1.1 206 Partial Content\r\nETag: W/"x"\r\nContent-Range: bytes 0-1/9\r\nAccept-Ranges: bytes\r\n'
        b"Content-Length: 2\r\n\r\nab",
    )
    answer = gateway.ask("GET", f"/api/t/r/{key}", asked)
    assert (answer.status, answer.body) == (206, b"ab")
    assert answer.all(b"etag") == [b'W/"x"']
    assert answer.all(b"content-range") == [b"bytes 0-1/9"]
    for name, value in asked:
        assert upstream.request(key).all(name.encode()) == [value.encode()]
    upstream.on(key, b"HTTP/1.1 416 X\r\nContent-Range: bytes */9\r\nContent-Length: 0\r\n\r\n")
    answer = gateway.ask("GET", f"/api/t/r/{key}", asked)
    assert (answer.status, answer.all(b"content-range")) == (416, [b"bytes */9"])


@pytest.mark.parametrize(
    ("method", "head"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"),
        ("GET", b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99\r\n\r\n'),
        ("GET", b"HTTP/1.1 304 Not Modified\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
        ("POST", b"HTTP/1.1 204 No Content\r\n\r\n"),
    ],
)
def test_rule_09_no_body_on_head_204_and_304(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, method: str, head: bytes
) -> None:
    upstream.on(key, head)
    with gateway.client() as client:
        for _ in range(2):  # both connections stay in step
            client.send(request_bytes(method, f"/api/t/r/{key}"))
            answer = client.answer(bodyless=True)
            assert answer.status == int(head.split(b" ")[1])
            assert answer.all(b"transfer-encoding") == []
            told = b"Content-Length: 99" in head
            assert answer.all(b"content-length") == ([b"99"] if told else [])
        client.send(request_bytes("GET", "/-/health/live"))
        assert client.answer().body == b'{"status":"ok"}'


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\n",
    ],
)
def test_rule_09_bodies_of_upstreams_that_close(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, head: bytes
) -> None:
    upstream.on(key, head, b"abc", b"def", end=True)
    with gateway.client() as client:
        for _ in range(2):
            client.send(request_bytes("GET", f"/api/t/r/{key}"))
            answer = client.answer()
            assert (answer.body, answer.complete) == (b"abcdef", True)


def test_rule_09_http_1_0_clients_get_no_chunks(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    upstream.on(key, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(b"abc", b"def"))
    answer = gateway.raw(
        f"GET /api/t/r/{key} HTTP/1.0\r\nHost: gateway.test\r\nConnection: keep-alive\r\n\r\n".encode()
    )
    assert answer.body == b"abcdef"
    assert answer.all(b"transfer-encoding") == []
    assert answer.all(b"connection") == [b"close"]
    assert not answer.reset


def test_rule_09_interim_answers_are_skipped(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    upstream.on(
        key,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nSet-Cookie: early=1\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    )
    answer = gateway.ask("GET", f"/api/t/r/{key}")
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.all(b"link") == answer.all(b"set-cookie") == []


def test_rule_09_a_head_that_comes_byte_by_byte(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    raw = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(b"ab", b"c")
    upstream.on(key, *(raw[at : at + 1] for at in range(len(raw))))
    whole = request_bytes("POST", f"/api/t/r/{key}", (("X-B", "2"),), b"body")
    answer = gateway.raw(*(whole[at : at + 1] for at in range(len(whole))))
    assert (answer.status, answer.body, answer.all(b"x-a")) == (200, b"abc", [b"1"])
    assert upstream.bodies[key] == [b"body"]


@pytest.mark.parametrize("framing", ["chunked", "length"])
@pytest.mark.parametrize("way", ["close", "reset"])
def test_rule_11_an_aborted_upload_never_ends_properly_upstream(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, framing: str, way: str
) -> None:
    @upstream.run(key)
    def take(peer: Peer, request: Request) -> None:
        upstream.bodies[key].append(peer.read_body(request))

    field = ("Transfer-Encoding", "chunked") if framing == "chunked" else ("Content-Length", "1000")
    client = gateway.client()
    part = b"G1 X10\n" * 20
    client.send(request_bytes("POST", f"/api/t/r/{key}", (field,)))
    client.send(chunks(part, end=False) if framing == "chunked" else part)
    peer = peer_of(upstream, key)
    wait_for(lambda: part in bytes(peer.received))
    client.close() if way == "close" else client.reset()
    assert peer.ended.wait(5)
    assert upstream.bodies[key] == [None]
    assert not bytes(peer.received).endswith(b"0\r\n\r\n")
    assert " 499 " in gateway.logged(f"POST /api/t/r/{key} ")


def test_rule_11_a_client_that_stalls_in_its_upload_is_told_408(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    with gateway.client() as client:
        client.send(request_bytes("POST", f"/api/t/impatient/{key}", (("Content-Length", "10"),)), b"part")
        assert client.answer().status == 408
    assert wait_for(lambda: upstream.bodies[key]) == [None]


@pytest.mark.parametrize("way", ["close", "reset"])
def test_rule_12_an_aborted_download_ends_the_upstreams_at_once(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, way: str
) -> None:
    @upstream.run(key)
    def drip(peer: Peer, request: Request) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc")
        peer.wait_end()

    client = gateway.client()
    client.send(request_bytes("GET", f"/api/t/r/{key}"))
    assert b"200 OK" in client.read_some()
    client.close() if way == "close" else client.reset()
    assert peer_of(upstream, key).ended.wait(2)
    assert " 499 " in gateway.logged(f"GET /api/t/r/{key} ")


@pytest.mark.parametrize("end", ["close", "reset", "garbage"])
@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_rule_13_an_upstream_that_dies_in_mid_body_breaks_the_clients_transfer(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, framing: str, end: str
) -> None:
    delivered = threading.Event()

    @upstream.run(key)
    def die(peer: Peer, request: Request) -> None:
        if framing == "chunked":
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(b"part", end=False))
        else:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart")
        assert delivered.wait(10)
        if end == "close" or (end, framing) == ("garbage", "length"):
            peer.close()
        elif end == "reset":
            peer.reset()
        else:
            peer.send(b"not a chunk\r\n")
            peer.wait_end()

    with gateway.client() as client:
        client.send(request_bytes("GET", f"/api/t/r/{key}"))
        first = client.read_some()
        while b"part" not in first:
            first += client.read_some()
        delivered.set()
        rest = client.read_to_end()
    assert not (first + rest).endswith(b"0\r\n\r\n")
    assert b"HTTP/1.1 5" not in rest
    assert "200 broken" in gateway.logged(f"GET /api/t/r/{key} ")


def test_rule_13_an_http_1_0_client_sees_the_break_too(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    delivered = threading.Event()

    @upstream.run(key)
    def die(peer: Peer, request: Request) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(b"part", end=False))
        assert delivered.wait(10)
        peer.close()

    with gateway.client() as client:
        client.send(f"GET /api/t/r/{key} HTTP/1.0\r\nHost: gateway.test\r\n\r\n".encode())
        while b"part" not in client.read_some():
            pass
        delivered.set()
        client.read_to_end()
        assert client.was_reset


def test_rule_13_an_until_close_body_that_is_reset_is_broken(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    delivered = threading.Event()

    @upstream.run(key)
    def die(peer: Peer, request: Request) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\n\r\npart")
        assert delivered.wait(10)
        peer.reset()

    with gateway.client() as client:
        client.send(request_bytes("GET", f"/api/t/r/{key}"))
        while b"part" not in client.read_some():
            pass
        delivered.set()
        assert b"0\r\n\r\n" not in client.read_to_end()


@pytest.mark.parametrize("body", [b"", b"G28"])
@pytest.mark.parametrize("way", ["close", "reset"])
def test_rule_20_a_client_that_leaves_before_the_answer_cancels_the_upstream(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, body: bytes, way: str
) -> None:
    @upstream.run(key)
    def think(peer: Peer, request: Request) -> None:
        upstream.bodies[key].append(peer.read_body(request))
        peer.wait_end()

    client = gateway.client()
    client.send(request_bytes("POST", f"/api/t/r/{key}", (), body))
    peer = peer_of(upstream, key)
    wait_for(lambda: upstream.bodies[key] == [body])
    client.close() if way == "close" else client.reset()
    assert peer.ended.wait(2)
    assert " 499 " in gateway.logged(f"POST /api/t/r/{key} ")


def test_rule_20_a_large_body_sent_whole_doesnt_hide_that_the_client_left(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    @upstream.run(key)
    def think(peer: Peer, request: Request) -> None:
        upstream.bodies[key].append(peer.read_body(request))
        peer.wait_end()

    client = gateway.client()
    client.send(request_bytes("POST", f"/api/t/r/{key}", (), b"x" * 3_000_000))
    wait_for(lambda: upstream.bodies[key])
    client.close()
    assert peer_of(upstream, key).ended.wait(2)


def test_rule_20_pipelined_requests_end_with_their_connection(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    @upstream.run(key)
    def think(peer: Peer, request: Request) -> None:
        peer.wait_end()

    client = gateway.client()
    client.send(request_bytes("GET", f"/api/t/r/{key}") + request_bytes("GET", f"/api/t/r/{key}-second"))
    peer = peer_of(upstream, key)
    client.reset()
    # One request waits behind the other, so the connection isn't read: only what was read on shows the reset.
    wait_for(lambda: peer.ended.is_set() or bool(upstream.seen[f"{key}-second"]), 2)
    assert peer.ended.is_set()
    assert not upstream.seen[f"{key}-second"]


SIZE = 500 * MIB
PIECE = bytes(range(256)) * 4096


def test_rule_16_upload_of_500_mb_through_a_slow_upstream_in_little_memory(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    digest = hashlib.sha1(usedforsecurity=False)

    @upstream.run(key)
    def take(peer: Peer, request: Request) -> None:
        left = SIZE - len(peer._unread)
        digest.update(peer._unread)
        buffer = bytearray(MIB)
        pauses = 20
        while left:
            size = peer.sock.recv_into(buffer)
            left -= size
            digest.update(memoryview(buffer)[:size])
            if left < SIZE * pauses // 21:  # slow, every 25 MB
                pauses -= 1
                time.sleep(0.05)
        peer._unread.clear()
        peer.send(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    with gateway.client() as client, MemoryWatch(gateway) as memory:
        client.send(request_bytes("POST", f"/api/t/r/{key}", (("Content-Length", str(SIZE)),)))
        expected = hashlib.sha1(usedforsecurity=False)
        for _ in range(SIZE // len(PIECE)):
            client.send(PIECE)
            expected.update(PIECE)
        assert client.answer().status == 201
    assert digest.digest() == expected.digest()
    assert memory.growth <= 30 * MIB


def test_rule_16_a_stalled_reader_of_500_mb_stalls_the_upstream_and_costs_little_memory(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    sent = [0]

    @upstream.run(key)
    def give(peer: Peer, request: Request) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // len(PIECE)):
            peer.send(PIECE)
            sent[0] += len(PIECE)

    def stalled() -> bool:
        before = sent[0]
        time.sleep(0.2)
        return 0 < before == sent[0]

    with gateway.client() as client, MemoryWatch(gateway) as memory:
        client.send(request_bytes("GET", f"/api/t/r/{key}"))
        wait_for(stalled)
        assert sent[0] < 50 * MIB
        assert gateway.ask("GET", "/-/health/live").status == 200
        received = 0
        buffer = bytearray(MIB)
        head = client.read_some()
        received = len(head) - head.index(b"\r\n\r\n") - 4
        while received < SIZE and (size := client.sock.recv_into(buffer)):
            received += size
    assert received == SIZE
    assert memory.growth <= 30 * MIB
