"""Rules 5 and 10: one framing or a refusal, `Expect`, limits, early answers, and bytes that nobody asked for."""

from __future__ import annotations

import threading

import pytest

from tests.support.gateway import MAX_HEAD, GatewayProcess, MemoryWatch
from tests.support.rawpeer import OK, Peer, RawUpstream, Request, chunks, request_bytes

FRAMINGS = {
    "CL and TE": (b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n", 400),
    "TE and CL": (b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b"3\r\nabc\r\n0\r\n\r\n", 400),
    "gzip, chunked": (b"Transfer-Encoding: gzip, chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n", 501),
    "gzip then chunked": (b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n", 501),
    "chunked twice": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n", 400),
    "chunked, chunked": (b"Transfer-Encoding: chunked, chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n", 400),
    "xchunked": (b"Transfer-Encoding: xchunked\r\n", b"3\r\nabc\r\n0\r\n\r\n", 400),
    "chunked, gzip": (b"Transfer-Encoding: chunked, gzip\r\n", b"3\r\nabc\r\n0\r\n\r\n", 400),
    "identity": (b"Transfer-Encoding: identity\r\n", b"", 400),
    "vertical tab": (b"Transfer-Encoding: \x0bchunked\r\n", b"3\r\nabc\r\n0\r\n\r\n", 400),
    "space before the colon": (b"Transfer-Encoding : chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n", 400),
    "obs-fold": (b"Transfer-Encoding:\r\n chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n", 400),
    "obs-fold elsewhere": (b"X-A: 1\r\n folded\r\n", b"", 400),
    "bare CR": (b"X-A: 1\rX-B: 2\r\n", b"", 400),
    "NUL": (b"X-A: 1\x002\r\n", b"", 400),
    "two lengths": (b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc", 400),
    "two different lengths": (b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abcd", 400),
    "a list of lengths": (b"Content-Length: 3, 3\r\n", b"abc", 400),
    "plus": (b"Content-Length: +3\r\n", b"abc", 400),
    "minus": (b"Content-Length: -3\r\n", b"abc", 400),
    "hex": (b"Content-Length: 0x3\r\n", b"abc", 400),
    "underscore": (b"Content-Length: 1_0\r\n", b"abcdefghij", 400),
    "empty": (b"Content-Length:\r\n", b"", 400),
    "overflow": (b"Content-Length: 18446744073709551619\r\n", b"abc", 400),
    "chunk size negative": (b"Transfer-Encoding: chunked\r\n", b"-3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size 0x": (b"Transfer-Encoding: chunked\r\n", b"0x3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size empty": (b"Transfer-Encoding: chunked\r\n", b"\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size overflow": (b"Transfer-Encoding: chunked\r\n", b"10000000000000003\r\nabc\r\n0\r\n\r\n", 400),
    "chunk longer than its size": (b"Transfer-Encoding: chunked\r\n", b"3\r\nabcd\r\n0\r\n\r\n", 400),
    "chunk ended by LF": (b"Transfer-Encoding: chunked\r\n", b"3\nabc\r\n0\r\n\r\n", 400),
    "chunk data ended by LF": (b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\n0\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", FRAMINGS)
def test_rule_05_ambiguous_framing_is_refused_and_the_connection_closed(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, name: str
) -> None:
    fields, body, status = FRAMINGS[name]
    with gateway.client() as client:
        client.send(b"POST /api/t/r/%b HTTP/1.1\r\nHost: a.test\r\n%b\r\n%b" % (key.encode(), fields, body))
        client.send(request_bytes("GET", f"/api/t/r/{key}-smuggled"))
        answer = client.answer()
        assert answer.status == status, answer
        assert answer.all(b"content-type") == [b"application/problem+json"]
        if status == 400:
            assert answer.all(b"connection") == [b"close"]
            assert client.read_to_end() == b""
            assert not upstream.seen[f"{key}-smuggled"]
    assert upstream.bodies[key] in ([], [None]), "the upstream took it for a whole request"


def test_rule_05_a_transfer_coding_on_http_1_0_is_refused(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    head = f"POST /api/t/r/{key} HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    assert gateway.raw(head + b"3\r\nabc\r\n0\r\n\r\n").status == 400
    assert not upstream.seen[key]


@pytest.mark.parametrize("version", [b"HTTP/0.9", b"HTTP/2.0", b"HTTP/3.0", b"HTTP/1.2", b"http/1.1", b"ICY"])
def test_rule_05_other_versions_are_refused(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, version: bytes
) -> None:
    answer = gateway.raw(b"GET /api/t/r/%b %b\r\nHost: a.test\r\n\r\n" % (key.encode(), version))
    assert answer.status in {400, 505}
    assert not upstream.seen[key]


def test_rule_05_either_framing_is_forwarded_as_it_came(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    gateway.ask("POST", f"/api/t/r/{key}", (), b"hello")
    with gateway.client() as client:
        client.send(
            request_bytes("POST", f"/api/t/r/{key}", (("transfer-ENCODING", "Chunked"),)),
            b"3;ext=1\r\nabc\r\n",
            b'2;a="b"\r\nde\r\n0\r\n\r\n',
        )
        assert client.answer().status == 200
    length, chunked = upstream.seen[key]
    assert upstream.bodies[key] == [b"hello", b"abcde"]
    assert length.all(b"content-length") == [b"5"]
    assert length.all(b"transfer-encoding") == []
    assert chunked.all(b"transfer-encoding") == [b"chunked"]
    assert chunked.all(b"content-length") == []


def test_rule_05_a_body_cut_anywhere_arrives_the_same(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    whole = request_bytes("POST", f"/api/t/r/{key}", (("Transfer-Encoding", "chunked"),)) + chunks(b"abc", b"defgh")
    for at in range(1, len(whole), 7):
        with gateway.client() as client:
            client.send(whole[:at], whole[at:])
            assert client.answer().status == 200
    assert set(upstream.bodies[key]) == {b"abcdefgh"}


UPGRADE = (("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__"))


@pytest.mark.parametrize("upgrade", [UPGRADE, (("Connection", "upgrade"), ("Upgrade", "websocket"))])
def test_rule_05_upgrade_is_ignored_and_the_request_served(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, upgrade: tuple[tuple[str, str], ...]
) -> None:
    chunked = (*upgrade, ("Transfer-Encoding", "chunked"))
    with gateway.client() as client:
        client.send(request_bytes("GET", f"/api/t/r/{key}", upgrade))
        assert client.answer().body == b"ok"
        client.send(request_bytes("POST", f"/api/t/r/{key}", upgrade, b"body"))
        assert client.answer().body == b"ok"
        client.send(request_bytes("POST", f"/api/t/r/{key}", chunked), chunks(b"chu", b"nks", end=False), b"0\r\n\r\n")
        assert client.answer().body == b"ok"
        both = request_bytes("POST", f"/api/t/r/{key}", upgrade, b"first") + request_bytes(
            "GET", f"/api/t/r/{key}", upgrade
        )
        client.send(both)
        assert client.answer().body == b"ok"
        assert client.answer().body == b"ok"
    for request in upstream.seen[key]:
        assert b"upgrade" not in request.head.lower()
        assert b"http2-settings" not in request.head.lower()
    assert upstream.bodies[key] == [b"", b"body", b"chunks", b"first", b""]


def test_rule_05_nothing_in_another_protocol_is_taken_after_an_upgrade(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    with gateway.client() as client:
        client.send(request_bytes("GET", f"/api/t/r/{key}", UPGRADE))
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + request_bytes("GET", f"/api/t/r/{key}-smuggled"))
        assert client.answer().body == b"ok"
        assert client.answer().status in {400, 505}
        assert client.read_to_end() == b""
    assert not upstream.seen[f"{key}-smuggled"]


def test_rule_05_connect_trace_and_unknown_methods_are_refused(gateway: GatewayProcess) -> None:
    assert gateway.raw(b"CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n").status in {400, 501}
    assert gateway.ask("TRACE", "/api/t/r/x").status == 405
    assert gateway.raw(b"BREW /api/t/r/x HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 400
    assert gateway.raw(b"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 400


def test_rule_10_a_body_too_large_is_refused_before_100_continue(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    with gateway.client() as client:
        client.send(
            request_bytes("POST", f"/api/t/limited/{key}", (("Expect", "100-continue"), ("Content-Length", "1001")))
        )
        answer = client.answer()
        assert answer.status == 413
        assert '"code":"BODY_TOO_LARGE"' in answer.text
        assert answer.all(b"connection") == [b"close"]
    assert not upstream.seen[key]


@pytest.mark.parametrize("expect", ["100-continue", "100-Continue"])
def test_rule_10_100_is_sent_when_the_body_is_wanted_and_expect_goes_no_further(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, expect: str
) -> None:
    with gateway.client() as client:
        client.send(request_bytes("POST", f"/api/t/limited/{key}", (("Expect", expect), ("Content-Length", "5"))))
        assert client.answer().status == 100
        client.send(b"hello")
        assert client.answer().status == 200
    assert upstream.request(key).all(b"expect") == []
    assert upstream.bodies[key] == [b"hello"]


def test_rule_10_no_100_for_http_1_0_nor_without_a_body(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    head = f"POST /api/t/r/{key} HTTP/1.0\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with gateway.client() as client:
        client.send(head.encode())
        client.send(b"hi")
        assert client.answer().status == 200
    assert gateway.ask("GET", f"/api/t/r/{key}", (("Expect", "100-continue"),)).status == 200


def test_rule_10_bytes_are_counted_when_no_length_was_told(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    with gateway.client() as client:
        client.send(request_bytes("POST", f"/api/t/limited/{key}", (("Transfer-Encoding", "chunked"),)))
        client.send(chunks(b"x" * 600, end=False), chunks(b"x" * 600, end=False))
        answer = client.answer()
        assert answer.status == 413
    assert upstream.bodies[key] in ([], [None])
    fits = request_bytes("POST", f"/api/t/limited/{key}2", (("Transfer-Encoding", "chunked"),)) + chunks(b"x" * 1000)
    assert gateway.raw(fits).status == 200


def test_rule_10_the_client_reads_413_rather_than_a_reset(gateway: GatewayProcess, key: str) -> None:
    size = 5_000_000
    with gateway.client() as client:
        client.send(request_bytes("POST", f"/api/t/limited/{key}", (("Content-Length", str(size)),)))
        client.send(b"x" * size)  # a client that reads only once all is sent
        answer = client.answer()
        assert (answer.status, answer.complete) == (413, True)
        assert client.read_to_end() == b""
        assert not client.was_reset


@pytest.mark.parametrize("status", [401, 413, 503])
def test_rule_10_an_early_answer_of_the_upstream_is_passed_on(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, status: int
) -> None:
    @upstream.run(key)
    def refuse(peer: Peer, request: Request) -> None:
        peer.send(b"HTTP/1.1 %d No\r\nContent-Length: 4\r\nX-Mine: 1\r\n\r\nnope" % status)
        peer.wait_end()

    with gateway.client() as client:
        client.send(request_bytes("POST", f"/api/t/r/{key}", (("Content-Length", "100000000"),)), b"x" * 1000)
        answer = client.answer()
        assert (answer.status, answer.body, answer.complete) == (status, b"nope", True)
        assert answer.all(b"x-mine") == [b"1"]
        assert answer.all(b"connection") == [b"close"]
        assert client.read_to_end() == b""
        assert not client.was_reset
    (peer,) = [peer for peer in upstream.peers if upstream.request(key) in peer.requests]
    assert peer.ended.wait(5)


def test_rule_10_an_early_200_can_answer_while_the_body_still_comes(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    @upstream.run(key)
    def echo(peer: Peer, request: Request) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n1")
        peer.body = peer.read_body(request) or b""
        peer.send(b"23")

    with gateway.client() as client:
        client.send(request_bytes("POST", f"/api/t/r/{key}", (("Content-Length", "6"),)), b"abc")
        assert b"200 OK" in client.read_some()
        client.send(b"def")
        assert client.read_some().endswith(b"23") or client.read_some().endswith(b"3")
        client.send(request_bytes("GET", "/-/health/live"))
        assert client.answer().status == 200


def test_limit_414_and_431(gateway: GatewayProcess) -> None:
    assert gateway.ask("GET", "/" + "a" * MAX_HEAD).status == 414
    assert gateway.ask("GET", "/-/health/live", (("X-A", "a" * MAX_HEAD),)).status == 431
    assert gateway.ask("GET", "/-/health/live", tuple((f"X-{n}", "a") for n in range(300))).status == 431
    assert gateway.ask("GET", "/-/health/live", (("X-A", "a" * (MAX_HEAD // 2)),)).status == 200


@pytest.mark.parametrize("beginning", [b"GET /", b"GET / HTTP/1.1\r\nX-A: ", b"GET / HTTP/1.1\r\nX-"])
def test_limit_a_head_that_never_ends_is_not_kept_in_memory(gateway: GatewayProcess, beginning: bytes) -> None:
    with gateway.client() as client, MemoryWatch(gateway) as memory:
        client.send(beginning)
        try:
            for _ in range(400):
                client.send(b"a" * 65536)
        except OSError:
            pass
        else:
            assert client.answer().status in {414, 431, 400}
    assert memory.growth < 5_000_000


def test_limit_trailers_that_never_end_are_not_kept_in_memory(gateway: GatewayProcess, key: str) -> None:
    with gateway.client() as client, MemoryWatch(gateway) as memory:
        client.send(request_bytes("POST", f"/api/t/r/{key}", (("Transfer-Encoding", "chunked"),)), b"0\r\nX-A: ")
        try:
            for _ in range(400):
                client.send(b"a" * 65536)
        except OSError:
            pass
    assert memory.growth < 5_000_000


def test_pipelined_requests_are_answered_in_order(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    released = threading.Event()

    @upstream.run(f"{key}-0")
    def slow(peer: Peer, request: Request) -> None:
        assert released.wait(10)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0")

    upstream.on(f"{key}-1", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1")
    with gateway.client() as client:
        client.send(
            request_bytes("GET", f"/api/t/r/{key}-0")
            + request_bytes("POST", f"/api/t/r/{key}-1", (), b"body")
            + request_bytes("GET", "/-/health/live")
        )
        released.set()
        answers = [client.answer() for _ in range(3)]
    assert [answer.body for answer in answers] == [b"0", b"1", b'{"status":"ok"}']
    assert upstream.bodies[f"{key}-1"] == [b"body"]


def test_many_pipelined_requests_wait_outside(gateway: GatewayProcess) -> None:
    one = request_bytes("GET", "/-/health/live")
    with gateway.client() as client, MemoryWatch(gateway) as memory:
        count = 3000
        sender = threading.Thread(target=client.send, args=(one * count,), daemon=True)
        sender.start()
        assert all(client.answer().status == 200 for _ in range(count))
        sender.join()
    assert memory.growth < 20_000_000


def test_a_malformed_request_behind_a_good_one_doesnt_answer_for_it(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    released = threading.Event()

    @upstream.run(key)
    def slow(peer: Peer, request: Request) -> None:
        assert released.wait(10)
        peer.send(OK)

    with gateway.client() as client:
        client.send(request_bytes("GET", f"/api/t/r/{key}") + b"NONSENSE\r\n\r\n")
        client.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.read_some()
        client.sock.settimeout(10)
        released.set()
        assert client.answer().status == 200
        assert client.answer().status == 400
        assert client.read_to_end() == b""


def test_chunk_extensions_of_the_upstream_are_dropped(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    upstream.on(key, b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;evil="x"\r\nok\r\n0;a\r\n\r\n')
    answer = gateway.ask("GET", f"/api/t/r/{key}")
    assert answer.body == b"ok"
    assert b"evil" not in answer.raw


MALFORMED_ANSWERS = {
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "CL and TE": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "TE and CL": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
    "gzip coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
    "gzip, chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "two codings": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "obs-fold": b"HTTP/1.1 200 OK\r\nX-A: 1\r\n folded\r\nContent-Length: 2\r\n\r\nok",
    "NUL in a field": b"HTTP/1.1 200 OK\r\nX-A: 1\x00\r\nContent-Length: 2\r\n\r\nok",
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "status 99": b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok",
    "status 600": b"HTTP/1.1 600 OK\r\nContent-Length: 2\r\n\r\nok",
    "status 999": b"HTTP/1.1 999 OK\r\nContent-Length: 2\r\n\r\nok",
    "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
    "switching protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    "a version 2": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "head too large": b"HTTP/1.1 200 OK\r\n" + b"X-A: %b\r\n" % (b"a" * 10_000) * 14 + b"Content-Length: 0\r\n\r\n",
    "one endless field": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 1_000_000,
    "endless interim answers": b"HTTP/1.1 102 P\r\nX-A: 1\r\n\r\n" * 20_000,
}


@pytest.mark.parametrize("name", MALFORMED_ANSWERS)
def test_rule_14_an_answer_that_isnt_http_is_502(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, name: str
) -> None:
    @upstream.run(key)
    def answer_badly(peer: Peer, request: Request) -> None:
        peer.send(MALFORMED_ANSWERS[name])
        peer.wait_end()

    answer = gateway.ask("GET", f"/api/t/r/{key}")
    assert answer.status == 502, answer
    assert '"code":"UPSTREAM_MALFORMED"' in answer.text
    (peer,) = [peer for peer in upstream.peers if upstream.request(key) in peer.requests]
    assert peer.ended.wait(5), "the connection must not be used again"


@pytest.mark.parametrize(
    "extra",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        b"garbage",
        b"\x00",
        b"2\r\nok\r\n0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["one packet", "two packets"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_bytes_after_an_answer_never_reach_another_request(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, extra: bytes, together: bool, method: str
) -> None:
    asked = threading.Event()

    @upstream.run(key)
    def answer_too_much(peer: Peer, request: Request) -> None:
        body = b"" if method == "HEAD" else b"ok"
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        if together:
            peer.send(head + body + extra)
        else:
            peer.send(head + body)
            assert asked.wait(10)
            peer.send(extra)
        peer.wait_end()

    # `single` has one connection: the next request would have to use the poisoned one.
    answer = gateway.ask(method, f"/api/t/single/{key}")
    assert answer.status == 200
    asked.set()
    (peer,) = [peer for peer in upstream.peers if upstream.request(key) in peer.requests]
    assert peer.ended.wait(5)
    assert gateway.ask("GET", f"/api/t/single/{key}-next").body == b"ok"
