"""Rules 1–4, 7 and 8: which header fields cross the gateway, whom upstreams are told of, and which Host."""

from __future__ import annotations

import pytest

from tests.support.gateway import TRUSTED, GatewayProcess
from tests.support.rawpeer import OK, RawUpstream, request_bytes

HOP_BY_HOP = (
    ("Keep-Alive", "timeout=5"),
    ("Proxy-Connection", "keep-alive"),
    ("Proxy-Authenticate", "Basic"),
    ("Proxy-Authorization", "Basic eDp5"),
    ("TE", "trailers, deflate"),
    ("Trailer", "X-Sum"),
    ("X-Named", "1"),
    ("X-Named-Too", "2"),
)
BROWSER = [
    b"x-content-type-options",
    b"referrer-policy",
    b"cross-origin-resource-policy",
    b"x-frame-options",
    b"content-security-policy",
    b"permissions-policy",
]
OWN = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"traceparent", b"x-request-id", b"via")


def names(headers: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [name.lower() for name, _ in headers]


def test_rule_01_nothing_hop_by_hop_reaches_the_upstream(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    headers = (("Connection", "x-NAMED, keep-alive"), ("Connection", " X-Named-Too ,"), *HOP_BY_HOP, ("X-Kept", "yes"))
    assert gateway.ask("GET", f"/api/t/r/{key}", headers).status == 200
    request = upstream.request(key)
    assert not set(names(request.headers)) & {name.lower().encode() for name, _ in (("connection", ""), *HOP_BY_HOP)}
    assert request.all(b"x-kept") == [b"yes"]


def test_rule_01_nothing_hop_by_hop_reaches_the_client(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    fields = b"".join(f"{name}: {value}\r\n".encode() for name, value in HOP_BY_HOP)
    upstream.on(
        key,
        b"HTTP/1.1 200 OK\r\nConnection: X-Named\r\nConnection: close, X-Named-Too\r\nUpgrade: h2c\r\n"
        + fields
        + b"X-Kept: yes\r\nContent-Length: 2\r\n\r\nok",
        end=True,
    )
    with gateway.client() as client:
        client.send(request_bytes("GET", f"/api/t/r/{key}"))
        answer = client.answer()
        assert not set(names(answer.headers)) & {
            b"connection",
            b"upgrade",
            *(n.lower().encode() for n, _ in HOP_BY_HOP),
        }
        assert answer.all(b"x-kept") == [b"yes"]
        assert answer.body == b"ok"
        client.send(request_bytes("GET", "/-/health/live"))  # the upstream's `close` is not the client's
        assert client.answer().status == 200


def test_rule_01_a_client_cannot_delete_what_the_gateway_says(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    named = ", ".join(name.decode() for name in OWN) + ", host, x-api-key, content-length"
    gateway.ask("POST", f"/api/t/replaced/{key}", (("Connection", named),), b"body")
    request = upstream.request(key)
    for name in (*OWN, b"host", b"x-api-key"):
        assert len(request.all(name)) == 1, name
    assert request.all(b"x-api-key") == [b"gateway-key"]
    assert upstream.bodies[key] == [b"body"]


@pytest.mark.parametrize("prefix", ["r", "credentials"])
def test_rule_02_a_client_cannot_say_who_it_is(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, prefix: str
) -> None:
    lies = (
        "X-Forwarded-For",
        "x_forwarded_for",
        "X-Forwarded_Proto",
        "X-Forwarded-Host",
        "X-Forwarded-User",
        "X_Forwarded_Email",
        "Forwarded",
        "X-Real-IP",
        "X_Real_IP",
        "Remote-User",
        "REMOTE_USER",
        "X-Remote-User",
        "X-Auth-Request-User",
        "X_Auth_Request_Email",
        "X-Fluxgate-User",
        "X-User-Id",
        "X_Request_Id",
        "X-Original-URL",
    )
    gateway.ask("GET", f"/api/t/{prefix}/{key}", tuple((name, "lie") for name in lies))
    request = upstream.request(key)
    assert b"lie" not in request.head
    assert request.all(b"x-forwarded-for") == [b"127.0.0.1"]
    assert request.all(b"x-forwarded-proto") == [b"http"]
    assert request.all(b"x-forwarded-host") == [b"gateway.test"]
    assert request.all(b"via") == [b"1.1 fluxgate"]


def test_rule_02_a_trusted_proxy_is_believed(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    said = (
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-For", "192.0.2.2"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.example"),
        ("X_Forwarded_Host", "lie.example"),
        ("X-Forwarded-Port", "443"),
        ("Via", "1.1 balancer"),
        ("X-Auth-Request-User", "lie"),
    )
    gateway.ask("GET", f"/api/t/r/{key}", said, source=TRUSTED)
    request = upstream.request(key)
    assert request.all(b"x-forwarded-for") == [b"192.0.2.1, 192.0.2.2, 127.0.0.2"]
    assert request.all(b"x-forwarded-proto") == [b"https"]
    assert request.all(b"x-forwarded-host") == [b"shop.example"]
    assert request.all(b"x-forwarded-port") == [b"443"]
    assert request.all(b"via") == [b"1.1 balancer, 1.1 fluxgate"]
    assert b"lie" not in request.head


def test_rule_02_credentials_stay_at_the_gateway_unless_the_route_says_otherwise(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    credentials = (("Authorization", "Bearer secret"), ("Cookie", "session=secret"), ("X-Api-Key", "secret"))
    for prefix in ("r", "replaced", "credentials"):
        gateway.ask("GET", f"/api/t/{prefix}/{key}", credentials)
    dropped, replaced, forwarded = upstream.seen[key]
    assert b"secret" not in dropped.head + replaced.head
    assert replaced.all(b"x-api-key") == [b"gateway-key"]
    assert forwarded.all(b"authorization") == [b"Bearer secret"]
    assert forwarded.all(b"cookie") == [b"session=secret"]


def test_rule_02_a_route_edits_fields(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    upstream.on(
        key, b"HTTP/1.1 200 OK\r\nServer: old\r\nCACHE-CONTROL: public\r\nContent-Length: 0\r\nX-Kept: 1\r\n\r\n"
    )
    answer = gateway.ask("GET", f"/api/t/edited/{key}", (("x-private", "1"), ("X-Public", "1")))
    assert answer.all(b"server") == []
    assert answer.all(b"cache-control") == [b"no-store"]
    assert answer.all(b"x-kept") == [b"1"]
    assert upstream.request(key).all(b"x-private") == []
    assert upstream.request(key).all(b"x-public") == [b"1"]


def test_rule_02_one_request_id_from_end_to_end(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    upstream.on(key, b"HTTP/1.1 200 OK\r\nX-Request-Id: the-upstreams-own\r\nContent-Length: 0\r\n\r\n")
    answer = gateway.ask("GET", f"/api/t/r/{key}", (("X-Request-Id", "abcdef-0123456789"),))
    assert answer.all(b"x-request-id") == [b"abcdef-0123456789"] == upstream.request(key).all(b"x-request-id")
    answer = gateway.ask("GET", f"/api/t/r/{key}2", (("X-Request-Id", "not; a valid id"),))
    (made,) = answer.all(b"x-request-id")
    assert len(made) == 24
    assert upstream.request(f"{key}2").all(b"x-request-id") == [made]


def test_rule_03_trailers_are_not_mixed_into_the_fields(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    with gateway.client() as client:
        client.send(
            request_bytes(
                "POST", f"/api/t/r/{key}", (("Transfer-Encoding", "chunked"), ("Trailer", "X-Forwarded-For"))
            ),
            b"3\r\nabc\r\n",
            b"0\r\nX-Forwarded-For: lie\r\nX-Trailer: lie\r\nAuthorization: lie\r\n\r\n",
        )
        assert client.answer().status == 200
        client.send(request_bytes("GET", f"/api/t/r/{key}2"))
        assert client.answer().status == 200
    assert upstream.bodies[key] == [b"abc"]
    assert b"lie" not in upstream.request(key).head + upstream.request(f"{key}2").head


def test_rule_03_the_upstreams_trailers_are_dropped(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    upstream.on(
        key, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"
    )
    answer = gateway.ask("GET", f"/api/t/r/{key}")
    assert (answer.body, answer.complete) == (b"ok", True)
    assert b"x-sum" not in answer.raw.lower()


@pytest.mark.parametrize(
    "hosts",
    [
        b"",
        b"Host: a.test\r\nHost: a.test\r\n",
        b"Host: a.test\r\nHost: b.test\r\n",
        b"Host: a.test/path\r\n",
        b"Host: user@a.test\r\n",
        b"Host: a.test, b.test\r\n",
        b"Host: a test\r\n",
        b"Host: a.test:99999999\r\n",
        b"Host: \xe9.test\r\n",
        b"Host:\r\n",
    ],
)
def test_rule_04_none_several_or_an_invalid_host_is_refused(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, hosts: bytes
) -> None:
    answer = gateway.raw(f"GET /api/t/r/{key} HTTP/1.1\r\n".encode() + hosts + b"\r\n")
    assert answer.status == 400
    assert "INVALID_" in answer.text
    assert not upstream.seen[key]


def test_rule_04_the_upstream_gets_its_own_host(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    gateway.ask("GET", f"/api/t/r/{key}")
    gateway.ask("GET", f"/api/t/based/{key}")
    plain, based = upstream.seen[key]
    assert plain.all(b"host") == [f"127.0.0.1:{upstream.port}".encode()]
    assert based.all(b"host") == [b"printer.internal"]
    assert based.target == f"/base/path/based/{key}".encode()


def test_rule_04_http_1_0_needs_no_host(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    answer = gateway.raw(f"GET /api/t/r/{key} HTTP/1.0\r\n\r\n".encode())
    assert answer.status == 200
    assert upstream.request(key).all(b"x-forwarded-host") == []
    assert upstream.request(key).all(b"via") == [b"1.0 fluxgate"]


def test_rule_07_duplicates_and_order_are_kept_both_ways(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    sent = [
        (b"x-b", b"2"),
        (b"x-a", b"1"),
        (b"accept", b"a/b"),
        (b"x-b", b"1"),
        (b"accept", b"c/d"),
        (b"x-empty", b""),
        (b"x-latin", b"caf\xe9 \xff\xfe"),
        (b"x-b", b"3, 4"),
    ]
    answered = [
        (b"Set-Cookie", b"a=1; Path=/"),
        (b"X-B", b"2"),
        (b"Set-Cookie", b"b=2, c; Expires=Wed, 21 Oct 2026 07:28:00 GMT"),
        (b"X-B", b"1"),
        (b"X-Empty", b""),
        (b"X-Latin", b"\xe9\xff"),
        (b"Set-Cookie", b"a=1; Path=/"),
    ]
    upstream.on(
        key,
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"%b: %b\r\n" % f for f in answered) + b"Content-Length: 0\r\n\r\n",
    )
    answer = gateway.ask("GET", f"/api/t/r/{key}", tuple(sent))
    request = upstream.request(key)
    own = {*OWN, b"host"}
    assert [(name.lower(), value) for name, value in request.headers if name.lower() not in own] == sent
    expected = [(name.lower(), value) for name, value in answered]
    assert [
        (n.lower(), v) for n, v in answer.headers if n.lower() not in {b"content-length", b"x-request-id", *BROWSER}
    ] == expected


def test_rule_08_no_callers_cookie_goes_out_with_anothers_request(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    upstream.on(key, b"HTTP/1.1 200 OK\r\nSet-Cookie: session=first; Path=/\r\nContent-Length: 0\r\n\r\n")
    assert gateway.ask("GET", f"/api/t/credentials/{key}").all(b"set-cookie") == [b"session=first; Path=/"]
    gateway.ask("GET", f"/api/t/credentials/{key}")
    assert b"cookie" not in upstream.seen[key][1].head.lower()


def test_rule_08_no_field_of_the_gateways_own_and_no_redirect_followed(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    location = b"http://127.0.0.1:1/elsewhere?x=%41"
    upstream.on(key, b"HTTP/1.1 307 X\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n")
    answer = gateway.ask("GET", f"/api/t/r/{key}")
    assert answer.status == 307
    assert answer.all(b"location") == [location]
    assert sorted(names(upstream.request(key).headers)) == sorted([b"host", *OWN])


def test_rule_08_the_gateway_adds_nothing_to_answers_but_the_request_id_and_what_browsers_are_told(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    upstream.on(key, OK)
    assert names(gateway.ask("GET", f"/api/t/r/{key}").headers) == [
        b"content-length",
        *BROWSER,
        b"x-request-id",
    ]
