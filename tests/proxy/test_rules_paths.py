"""Rules 6 and 19: the bytes that were authorised are the bytes that are forwarded, and routes match whole segments."""

from __future__ import annotations

import pytest

from tests.support.gateway import GatewayProcess
from tests.support.rawpeer import RawUpstream, request_bytes

FORWARDED_AS_THEY_CAME = [
    "%41",
    "a%20b",
    "%7e",
    "caf%C3%A9",
    "%ff",
    "a;b=c",
    "a,b",
    "a:b@c",
    "!$&'()*+,=",
    "%3F%23",
    "%25",
    "%252e%252e",
    "%252f",
    "...",
    "a..b",
    "..a",
    "%7C",
]
REFUSED = [
    "..",
    ".",
    "%2e%2e",
    "%2E%2e",
    ".%2e",
    "%2e",
    "..%2Ffiles",
    "..%2ffiles",
    "..%5Cfiles",
    "a%2Fb",
    "a%5cb",
    "a%00b",
    "%00",
    "a%0d%0aX:1",
    "a%0a",
    "%7f",
    "%1f",
    "%",
    "%4",
    "%zz",
    "%u0041",
    "a|b",
    "a\\b",
    "a^b",
    "a`b",
    'a"b',
    "a<b>",
    "a{b}",
    "[a]",
    "caf\xe9",
    "\xff",
]


@pytest.mark.parametrize("name", FORWARDED_AS_THEY_CAME)
def test_rule_06_a_parameter_is_forwarded_as_the_very_bytes(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, name: str
) -> None:
    assert gateway.ask("GET", f"/api/t/two/{name}/{key}").status == 200
    path = f"/two/{key}/x/{name}"
    assert upstream.seen[name.rpartition("/")[2]][-1].target == path.encode()


@pytest.mark.parametrize("name", REFUSED)
def test_rule_06_a_parameter_cannot_reach_another_upstream_route(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, name: str
) -> None:
    before = sum(map(len, upstream.seen.values()))
    for target in (f"/api/t/two/{name}/{key}", f"/api/t/two/{key}/{name}", f"/api/t/r/{name}"):
        answer = gateway.raw(request_bytes("GET", target))
        assert answer.status == 400, (target, answer)
    assert sum(map(len, upstream.seen.values())) == before


@pytest.mark.parametrize(
    "path", ["/api//t/r/x", "//api/t/r/x", "/api/t//r/x", "/api/t/r//x", "/api/t/r/x//", "//", "/api/t/prints//x"]
)
def test_rule_06_an_empty_segment_is_refused(gateway: GatewayProcess, path: str) -> None:
    answer = gateway.ask("GET", path)
    assert answer.status == 400
    assert '"code":"INVALID_PATH"' in answer.text


@pytest.mark.parametrize("name", ["a%2Fb", "a%5Cb", "%2F"])
def test_rule_06_a_route_can_opt_in_to_encoded_separators(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, name: str
) -> None:
    assert gateway.ask("GET", f"/api/t/open/{name}").status == 200
    assert upstream.seen[name][-1].target == f"/open/{name}".encode()


@pytest.mark.parametrize("name", ["..%2Ffiles", "..%5Cfiles", "a%2F..%2F..%2Fb", "%2e%2e%2f", "%00"])
def test_rule_06_opting_in_lets_no_dot_segment_through(gateway: GatewayProcess, name: str) -> None:
    assert gateway.ask("GET", f"/api/t/open/{name}").status == 400


@pytest.mark.parametrize(
    "query", ["", "?", "?a=1", "?a=%zz&b=|&c=%2e%2e/&d='x'", "?/../?&&==", "?url=http://x/%00", "?" + "q" * 5000]
)
def test_rule_06_the_query_is_forwarded_as_it_came(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, query: str
) -> None:
    assert gateway.ask("GET", f"/api/t/r/{key}{query}").status == 200
    assert upstream.request(key).target == f"/r/{key}{query if query != '?' else ''}".encode()


def test_rule_06_a_route_may_drop_the_query(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    gateway.ask("GET", f"/api/t/noquery/{key}?a=1")
    assert upstream.request(key).target == f"/noquery/{key}".encode()


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://gateway.test/api/t/r/{key}?a=%41", 200),
        ("HTTP://Gateway.Test/api/t/r/{key}?a=%41", 200),
        ("http://gateway.test:80/api/t/r/{key}?a=%41", 400),
        ("http://other.test/api/t/r/{key}?a=%41", 400),
        ("http://user@gateway.test/api/t/r/{key}?a=%41", 400),
        ("ftp://gateway.test/api/t/r/{key}?a=%41", 400),
        ("/api/t/r/{key}#fragment", 400),
        ("/api/t/r/{key}?a=%41#fragment", 400),
        ("api/t/r/{key}", 400),
        ("?a=1", 400),
        ("gateway.test/api/t/r/{key}", 400),
    ],
)
def test_rule_06_absolute_form_and_fragments(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, target: str, status: int
) -> None:
    answer = gateway.raw(request_bytes("GET", target.format(key=key)))
    assert answer.status == status
    assert [request.target for request in upstream.seen[key]] == ([f"/r/{key}?a=%41".encode()] if status == 200 else [])


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/api/t/tree/a/b/c.gcode", b"/tree/a/b/c.gcode"),
        ("/api/t/tree/a%20b/%41", b"/tree/a%20b/%41"),
        ("/api/t/tree/a/", b"/tree/a/"),
    ],
)
def test_rule_06_a_tail_is_forwarded_as_it_came(
    gateway: GatewayProcess, upstream: RawUpstream, path: str, target: bytes
) -> None:
    assert gateway.ask("GET", path).status == 200
    assert target in [request.target for request in upstream.seen[path.rpartition("/")[2]]]


def test_rule_19_routes_match_whole_segments(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    seen = {
        "/api/t/prints": b"/up/prints",
        "/api/t/prints/": b"/up/prints",
        "/api/t/%70rints": b"/up/prints",
        f"/api/t/prints/{key}": f"/up/one/{key}".encode(),
        f"/api/t/prints/{key}/": f"/up/one/{key}".encode(),
    }
    for path, target in seen.items():
        assert gateway.ask("GET", path).status == 200, path
        assert upstream.seen[target.decode().rpartition("/")[2]][-1].target == target
    for path in (
        "/api/t/printsevil",
        "/api/t/prints.evil",
        "/api/t/prints;evil",
        "/api/t/Prints",
        "/api/t/print",
        "/api/tt/prints",
        f"/api/t/prints/{key}/more",
        "/api/t",
        "/api",
        "/prints",
    ):
        assert gateway.ask("GET", path).status == 404, path


def test_rule_19_head_for_get_routes_and_405_with_allow(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    upstream.on(key, b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
    answer = gateway.ask("HEAD", f"/api/t/prints/{key}")
    assert (answer.status, answer.all(b"content-length")) == (200, [b"1234"])
    assert upstream.request(key).method == b"HEAD"
    answer = gateway.ask("DELETE", f"/api/t/prints/{key}")
    assert answer.status == 405
    assert set(answer.all(b"allow")[0].split(b", ")) - {b"OPTIONS"} == {b"GET", b"HEAD", b"POST"}
    assert gateway.ask("POST", "/api/t/prints").status == 405
    assert gateway.ask("HEAD", "/api/t/hello/x").status == 200


def test_rule_17_a_websocket_handshake_is_served_as_plain_http_or_refused(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    handshake = (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Origin", "http://evil.test"),
    )
    answer = gateway.ask("GET", f"/api/t/r/{key}", handshake)
    assert answer.status == 200
    assert upstream.request(key).all(b"upgrade") == []
    upstream.on(
        f"{key}-switch",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    )
    assert gateway.ask("GET", f"/api/t/r/{key}-switch", handshake).status == 502
