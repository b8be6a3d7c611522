"""Rule 17: which handshakes are taken, which never reach the upstream, and what an upstream may answer."""

from __future__ import annotations

import pytest

from fluxgate.handshake import origin_of
from tests.support.gateway import TRUSTED, GatewayProcess, wait_for
from tests.support.rawpeer import OK, Answer, Peer, RawUpstream, Request, request_bytes
from tests.support.websocket import KEY, accept_of, agreed, frame, handshake, next_frame
from tests.support.websocket_server import WebSocketServer

BAD = {
    "no connection": ({"Connection": None}, 400, "connection"),
    "connection without upgrade": ({"Connection": "keep-alive"}, 400, "connection"),
    "no key": ({"Sec-WebSocket-Key": None}, 400, "sec-websocket-key"),
    "a short key": ({"Sec-WebSocket-Key": "c2hvcnQ="}, 400, "sec-websocket-key"),
    "a long key": ({"Sec-WebSocket-Key": "dGhpcyBpcyBsb25nZXIgdGhhbiAxNiBieXRlcw=="}, 400, "sec-websocket-key"),
    "a key that isn't base64": ({"Sec-WebSocket-Key": "!" * 24}, 400, "sec-websocket-key"),
    "an empty key": ({"Sec-WebSocket-Key": ""}, 400, "sec-websocket-key"),
    "protocols that aren't tokens": ({"Sec-WebSocket-Protocol": "a b"}, 400, "sec-websocket-protocol"),
    "a protocol twice": ({"Sec-WebSocket-Protocol": "a, b, a"}, 400, "sec-websocket-protocol"),
    "a body": ({"Content-Length": "0"}, 400, "content-length"),
    "no upgrade": ({"Upgrade": None}, 426, "upgrade"),
    "another protocol": ({"Upgrade": "h2c"}, 426, "upgrade"),
    "a name that only begins so": ({"Upgrade": "websockets"}, 426, "upgrade"),
    "no version": ({"Sec-WebSocket-Version": None}, 426, "sec-websocket-version"),
    "an old version": ({"Sec-WebSocket-Version": "8"}, 426, "sec-websocket-version"),
    "several versions": ({"Sec-WebSocket-Version": "13, 8"}, 426, "sec-websocket-version"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_handshake_never_reaches_the_upstream(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, name: str
) -> None:
    changed, status, field = BAD[name]
    with gateway.client() as client:
        client.send(handshake(f"/api/t/ws-raw/{key}", changed))
        answer = client.answer()
        assert answer.status == status, answer.text
        assert f'"field":"{field}"' in answer.text
        assert f'"code":"{"UPGRADE_REQUIRED" if status == 426 else "INVALID_HANDSHAKE"}"' in answer.text
        if status == 426:
            assert answer.all(b"upgrade") == [b"websocket"]
            assert answer.all(b"connection") == [b"upgrade"]
            assert answer.all(b"sec-websocket-version") == [b"13"]
        client.send(request_bytes("GET", f"/api/t/r/{key}-after"))
        assert client.answer().body == b"ok", "the connection goes on as HTTP"
    assert upstream.seen[key] == []


def test_each_field_of_a_handshake_comes_once(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    for line in (f"Sec-WebSocket-Key: {KEY.decode()}", "Sec-WebSocket-Version: 13"):
        assert gateway.raw(handshake(f"/api/t/ws-raw/{key}", {}, line)).status in {400, 426}
    assert gateway.raw(handshake(f"/api/t/ws-raw/{key}", {}, "Host: gateway.test")).status == 400
    assert gateway.raw(handshake(f"/api/t/ws-raw/{key}", {"Host": None})).status == 400
    assert upstream.seen[key] == []


def test_a_handshake_is_a_get_of_http_1_1(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    target = f"/api/t/ws-raw/{key}"
    assert gateway.raw(handshake(target, start=f"GET {target} HTTP/1.0")).status == 426
    for method in ("POST", "PUT", "HEAD"):
        with gateway.client() as client:
            client.send(handshake(target, start=f"{method} {target} HTTP/1.1"))
            answer = client.answer(bodyless=method == "HEAD")
        assert (answer.status, answer.all(b"allow")) == (405, [b"GET, OPTIONS"]), method
    assert gateway.ask("GET", target).status == 426
    assert gateway.ask("OPTIONS", target).all(b"allow") == [b"GET, OPTIONS"]
    assert upstream.seen[key] == []


def test_a_handshake_may_be_spelt_in_many_ways(gateway: GatewayProcess) -> None:
    spelt = {"Connection": "keep-alive, UPGRADE", "Upgrade": "h2c, WebSocket", "Sec-WebSocket-Protocol": None}
    lines = ("sec-websocket-protocol: chat.v1", "sec-websocket-protocol: other, chat.v2")
    with gateway.client() as client:
        client.send(handshake("/api/t/ws/echo", spelt, *lines))
        answer = client.answer()
        assert (answer.status, answer.all(b"sec-websocket-protocol")) == (101, [b"chat.v2"])


ORIGINS = [
    ("ws", "http://gateway.test", {}, True),
    ("ws", "https://GATEWAY.test", {}, True),
    ("ws", "http://gateway.test:8080", {"Host": "gateway.test:8080"}, True),
    ("ws", "https://gateway.test", {"Host": "gateway.test:443"}, True),
    ("ws", "https://[::1]:8443", {"Host": "[::1]:8443"}, True),
    ("ws", None, {}, True),
    ("ws", "http://evil.test", {}, False),
    ("ws", "http://gateway.test.evil.test", {}, False),
    ("ws", "http://evil.test/gateway.test", {}, False),
    ("ws", "http://gateway.test@evil.test", {}, False),
    ("ws", "http://gateway.test:8081", {"Host": "gateway.test:8080"}, False),
    ("ws", "https://gateway.test", {"Host": "gateway.test:80"}, False),
    ("ws", "null", {}, False),
    ("ws", "", {}, False),
    ("ws", "gateway.test", {}, False),
    ("ws", "http://gateway.test, http://evil.test", {}, False),
    ("ws", "http://evil.test", {"X-Forwarded-Host": "evil.test"}, False),
    ("ws-partners", "https://shop.example", {}, True),
    ("ws-partners", "http://shop.example:8080", {}, True),
    ("ws-partners", "http://gateway.test", {}, True),
    ("ws-partners", "http://shop.example", {}, False),
    ("ws-partners", "https://shop.example:8080", {}, False),
    ("ws-any", "https://anybody.test", {}, True),
    ("ws-any", "null", {}, True),
    ("ws-browsers", None, {}, False),
    ("ws-browsers", "http://gateway.test", {}, True),
]


@pytest.mark.parametrize(("route", "origin", "fields", "allowed"), ORIGINS)
def test_only_pages_of_our_own_host_or_of_allowed_origins_connect(
    gateway: GatewayProcess,
    upstream: RawUpstream,
    key: str,
    route: str,
    origin: str | None,
    fields: dict[str, str],
    allowed: bool,
) -> None:
    @upstream.run(key)
    def answer(peer: Peer, request: Request) -> None:
        peer.send(agreed(request))
        peer.wait_end()

    with gateway.client() as client:
        client.send(handshake(f"/api/t/{route}/{key}", {"Origin": origin, **fields}))
        answered = client.answer()
    if allowed:
        assert answered.status == 101, answered.text
    else:
        assert (answered.status, '"code":"ORIGIN_NOT_ALLOWED"' in answered.text) == (403, True)
        assert upstream.seen[key] == []


def test_two_origins_are_none(gateway: GatewayProcess) -> None:
    same = "Origin: http://gateway.test"
    assert gateway.raw(handshake("/api/t/ws/echo", {}, same, same)).status == 403


def test_a_trusted_proxy_says_which_host_was_asked(gateway: GatewayProcess) -> None:
    fields = {"Origin": "https://public.example", "X-Forwarded-Host": "public.example"}
    with gateway.client(TRUSTED) as client:
        client.send(handshake("/api/t/ws/echo", fields))
        assert client.answer().status == 101
    assert gateway.raw(handshake("/api/t/ws/echo", fields)).status == 403


def test_what_is_no_origin() -> None:
    for text in ("", "null", "http://", "http:///", "//a", "http://a:b", "http://a:70000", "ftp://a", "http://a?b"):
        assert origin_of(text) is None, text
    assert origin_of("HTTPS://A.example") == ("https", "a.example", 443)


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_an_upstream_that_refuses_is_relayed_as_plain_http(
    gateway: GatewayProcess, sockets: WebSocketServer, status: int
) -> None:
    with gateway.client() as client:
        client.send(handshake(f"/api/t/ws/status-{status}"))
        answer = client.answer()
        assert (answer.status, answer.body, answer.complete) == (status, b"refused by the upstream\n", True)
        assert answer.all(b"www-authenticate") == [b"Basic"]
        client.send(request_bytes("GET", "/-/health/live"))
        assert client.answer().status == 200
    wait_for(lambda: gateway.pool("sockets")["in_use"] == 0)


ANSWERS = {
    "200": (OK, 200),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
    "chunks": (b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 401),
    "another version": (b"HTTP/1.1 426 No\r\nSec-WebSocket-Version: 14\r\nContent-Length: 0\r\n\r\n", 426),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_other_answers_than_101_are_relayed(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, name: str
) -> None:
    content, status = ANSWERS[name]
    upstream.on(key, content)
    answer = gateway.raw(handshake(f"/api/t/ws-raw/{key}"))
    assert (answer.status, answer.complete) == (status, True)
    assert (answer.all(b"upgrade") == [b"websocket"]) == (status == 426)


def test_a_refusal_that_breaks_off_is_broken_off(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    upstream.on(key, b"HTTP/1.1 401 No\r\nContent-Length: 10\r\n\r\npart", end=True)
    answer = gateway.raw(handshake(f"/api/t/ws-raw/{key}"))
    assert (answer.status, answer.body, answer.complete) == (401, b"part", False)


def _101(*lines: bytes) -> bytes:
    return b"\r\n".join((b"HTTP/1.1 101 Switching Protocols", *lines)) + b"\r\n\r\n"


ACCEPT = b"Sec-WebSocket-Accept: " + accept_of(KEY)
UPGRADE = (b"Upgrade: websocket", b"Connection: upgrade")
WRONG = {
    "no accept": _101(*UPGRADE),
    "a wrong accept": _101(*UPGRADE, b"Sec-WebSocket-Accept: " + accept_of(b"x")),
    "two accepts": _101(*UPGRADE, ACCEPT, ACCEPT),
    "no upgrade": _101(b"Connection: upgrade", ACCEPT),
    "no connection": _101(b"Upgrade: websocket", ACCEPT),
    "another protocol": _101(b"Upgrade: h2c", b"Connection: upgrade", ACCEPT),
    "a subprotocol that wasn't offered": _101(*UPGRADE, ACCEPT, b"Sec-WebSocket-Protocol: c"),
    "two subprotocols": _101(*UPGRADE, ACCEPT, b"Sec-WebSocket-Protocol: a, b"),
    "an extension that wasn't offered": _101(*UPGRADE, ACCEPT, b"Sec-WebSocket-Extensions: permessage-deflate"),
    "no HTTP": b"\x81\x02hi",
}


@pytest.mark.parametrize("name", WRONG)
def test_an_agreement_that_is_none_is_a_bad_gateway(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, name: str
) -> None:
    upstream.on(key, WRONG[name], b"\x81\x02hi")
    with gateway.client() as client:
        client.send(handshake(f"/api/t/ws-raw/{key}", {"Sec-WebSocket-Protocol": "a, b"}))
        answer = client.answer()
        assert (answer.status, '"code":"UPSTREAM_MALFORMED"' in answer.text) == (502, True)
        client.send(request_bytes("GET", "/-/health/live"))
        assert client.answer().status == 200
    wait_for(lambda: gateway.pool("raw")["in_use"] == 0)


@pytest.mark.parametrize(
    ("route", "status", "code"),
    [
        ("ws-refusing", 502, "UPSTREAM_UNREACHABLE"),
        ("ws-unanswering", 504, "UPSTREAM_TIMEOUT"),
        ("ws-down", 503, "PRINTER_OFFLINE"),
    ],
)
def test_no_connection(gateway: GatewayProcess, route: str, status: int, code: str) -> None:
    answer = gateway.raw(handshake(f"/api/t/{route}/x"))
    assert (answer.status, f'"code":"{code}"' in answer.text) == (status, True)


def test_an_upstream_that_never_answers(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    @upstream.run(key)
    def stay_silent(peer: Peer, request: Request) -> None:
        peer.wait_end()

    answer = gateway.raw(handshake(f"/api/t/ws-impatient/{key}"))
    assert (answer.status, '"code":"UPSTREAM_TIMEOUT"' in answer.text) == (504, True)
    peer = next(peer for peer in upstream.peers if peer.requests[-1:] == upstream.seen[key])
    assert peer.ended.wait(5)


def test_an_upstream_that_closes_instead_of_answering(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    upstream.on(key, end=True)
    assert gateway.raw(handshake(f"/api/t/ws-raw/{key}")).status == 502


# -- requests that hide behind a handshake


@pytest.mark.parametrize("whole", [True, False])
def test_what_follows_a_failed_handshake_is_http_again(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, whole: bool
) -> None:
    upstream.on(key, b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
    behind = request_bytes("POST", f"/api/t/r/{key}-second", (), b"body") + request_bytes(
        "GET", f"/api/t/r/{key}-third"
    )
    with gateway.client() as client:
        first = handshake(f"/api/t/ws-raw/{key}")
        if whole:
            client.send(first + behind)
        else:
            client.send(first, *(behind[at : at + 7] for at in range(0, len(behind), 7)))
        answers: list[Answer] = [client.answer() for _ in range(3)]
    assert [answer.status for answer in answers] == [403, 200, 200]
    assert upstream.bodies[f"{key}-second"] == [b"body"]
    assert len(upstream.seen[f"{key}-third"]) == 1


def test_frames_behind_a_failed_handshake_are_no_request(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    upstream.on(key, b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
    with gateway.client() as client:
        client.send(handshake(f"/api/t/ws-raw/{key}") + frame(b"hello", masked=True))
        assert client.answer().status == 403
        assert client.answer().status == 400
        assert client.read_to_end() == b""


def test_a_request_behind_a_handshake_that_succeeds_is_the_upstreams_as_bytes(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    @upstream.run(key)
    def answer(peer: Peer, request: Request) -> None:
        peer.send(agreed(request))
        peer.wait_end()
        peer.close()

    hidden = request_bytes("GET", f"/api/t/r/{key}-hidden")
    with gateway.client() as client:
        client.send(handshake(f"/api/t/ws-raw/{key}") + hidden)
        assert client.answer().status == 101
        peer = next(peer for peer in upstream.peers if peer.requests[-1:] == upstream.seen[key])
        wait_for(lambda: peer.received.endswith(hidden))
    assert upstream.seen[f"{key}-hidden"] == []


def test_a_handshake_with_a_body_hides_nothing(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    hidden = request_bytes("GET", f"/api/t/r/{key}-hidden")
    for fields, body in (
        ({"Content-Length": str(len(hidden))}, hidden),
        ({"Transfer-Encoding": "chunked"}, b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden)),
    ):
        with gateway.client() as client:
            client.send(handshake(f"/api/t/ws-raw/{key}", fields) + body + request_bytes("GET", "/-/health/live"))
            assert client.answer().status == 400
            assert client.answer().status == 200
    assert upstream.seen[key] == []
    assert upstream.seen[f"{key}-hidden"] == []


def test_a_handshake_behind_other_requests_waits_its_turn(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    before = request_bytes("GET", f"/api/t/r/{key}") * 2
    with gateway.client() as client:
        client.send(before + handshake("/api/t/ws/echo") + frame(b"hello", masked=True))
        assert [client.answer().status for _ in range(3)] == [200, 200, 101]
        assert next_frame(client, bytearray()).payload == b"hello"
    upstream.on(f"{key}-no", b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
    with gateway.client() as client:
        client.send(before + handshake(f"/api/t/ws-raw/{key}-no") + before)
        assert [client.answer().status for _ in range(5)] == [200, 200, 403, 200, 200]


def test_many_handshakes_on_one_connection_until_one_succeeds(gateway: GatewayProcess) -> None:
    with gateway.client() as client:
        client.send(handshake("/api/t/ws/status-403") * 20 + handshake("/api/t/ws/echo"), frame(b"hello", masked=True))
        assert [client.answer().status for _ in range(21)] == [403] * 20 + [101]
        assert next_frame(client, bytearray()).payload == b"hello"


def test_a_path_can_have_a_websocket_beside_http(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    """`/once/{key}` is both a proxy route and a WebSocket."""

    @upstream.run(f"{key}-ws")
    def answer(peer: Peer, request: Request) -> None:
        peer.send(agreed(request))
        peer.wait_end()

    assert gateway.ask("GET", f"/api/t/once/{key}").body == b"ok"
    assert gateway.raw(handshake(f"/api/t/once/{key}", {"Upgrade": "h2c"})).body == b"ok"
    assert gateway.raw(handshake(f"/api/t/once/{key}-ws")).status == 101


def test_paths_are_checked_as_for_any_route(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    for target in ("/api/t/ws-raw/..%2Fx", "/api/t/ws-raw/a%2Fb", "/api/t/ws-raw/../r/x", "/api/t/ws-raw/%00"):
        assert gateway.raw(handshake(target)).status == 400, target
    assert gateway.raw(handshake("/api/t/ws-raw/a/b")).status == 404
