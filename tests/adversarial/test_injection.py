"""Header injection: no byte of a path, query, field or answer becomes a field or a line of its own, and no field of a
client's speaks in the gateway's name.
"""

from __future__ import annotations

from urllib.parse import quote_from_bytes

from tests.adversarial.ledger import Ledger
from tests.adversarial.striking import strike
from tests.support.gateway import TRUSTED, GatewayProcess
from tests.support.rawpeer import RawClient, RawUpstream

BREAKS = (b"\r\n", b"\n", b"\r", b"\x00", b"\x0b", b"\x0c", b"\x1f", b"\x7f", b"\r\n ", b"\n\t", b"\r\r\n")
INJECTED = b"X-Injected: yes"

SPOKEN_FOR = (
    b"X-Forwarded-For", b"X-Forwarded-Host", b"X-Forwarded-Proto", b"X-Forwarded-Port", b"X-Forwarded-User",
    b"X-Forwarded-Prefix", b"Forwarded", b"X-Real-IP", b"X-Client-IP", b"True-Client-IP", b"CF-Connecting-IP",
    b"X-Original-URL", b"X-Rewrite-URL", b"X-Host", b"Remote-User", b"X-Remote-User", b"X-Auth-Request-User",
    b"X-Authenticated-User", b"X-User", b"X-User-Id", b"X-Username", b"X-Fluxgate-User", b"X-Fluxgate-Roles",
    b"X_Forwarded_For", b"X_FORWARDED_USER", b"X-Forwarded_For", b"X_Real_IP", b"Remote_User", b"X_Fluxgate_User",
    b"x-forwarded-FOR", b"X-FORWARDED-for", b"Authorization", b"Cookie", b"X-API-Key", b"Proxy-Authorization",
)  # fmt: skip
FORGED = b"198.51.100.66"


def get(name: str, *fields: bytes) -> bytes:
    """A request for `name` with these fields as they stand."""
    path = b"/api/t/r/" + name.encode()
    return b"\r\n".join([b"GET %b HTTP/1.1" % path, b"Host: a.test", b"Connection: close", *fields, b"", b""])


def test_breaks_in_paths_and_queries(gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger) -> None:
    for number, line_end in enumerate(BREAKS):
        payload = line_end + INJECTED
        for how, written in (("raw", payload), ("escaped", quote_from_bytes(payload).encode())):
            for place in (b"/api/t/r/%b", b"/api/t/r/%s?q=%b", b"/api/t/%b/r", b"/%b"):
                name = f"{key}x{number}"
                target = place.replace(b"%s", name.encode()) % (
                    name.encode() + written if b"%s" not in place else written
                )
                strike(gateway, b"GET %b HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n" % target)
                taken = [
                    request
                    for peer in upstream.peers
                    for request in peer.requests
                    if request.all(b"x-injected") or b"\nX-Injected" in request.head
                ]
                ledger.enter(f"{how} {line_end!r} in {place!r}", through=bool(taken))


def test_breaks_in_fields(gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger) -> None:
    for number, line_end in enumerate(BREAKS):
        for place in (
            b"X: a%b",
            b"User-Agent: %b",
            b"X%b: a",
            b"Cookie: a=%b",
            b"X-Request-Id: abcdefgh%b",
            b"Via: 1.1 %b",
        ):
            name = f"{key}x{number}"
            field = place % (line_end + b"X-Injected_: yes")
            strike(
                gateway,
                get(name, field),
            )
            lines = [
                line for request in upstream.seen[name] for line in request.head.replace(b"\r", b"\n").split(b"\n")
            ]
            direct = line_end == b"\r\n"  # then it is a field of the client's own, and nothing was injected
            ledger.enter(
                f"{line_end!r} in {place!r}",
                through=not direct and any(line.startswith(b"X-Injected_") for line in lines),
            )


def test_nobody_speaks_in_the_gateways_name(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger
) -> None:
    for number, field in enumerate(SPOKEN_FOR):
        for extra in (
            (),
            (b"Connection: x-forwarded-for, x-forwarded-proto, x-request-id, via, host, content-length",),
        ):
            name = f"{key}x{number}x{len(extra)}"
            fields = b"\r\n".join([field + b": " + FORGED, *extra])
            strike(
                gateway,
                b"GET /api/t/r/%b HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n%b\r\n\r\n"
                % (name.encode(), fields),
            )
            requests = upstream.seen[name]
            forged = [request for request in requests if FORGED in request.head]
            missing = [
                request
                for request in requests
                if request.all(b"x-forwarded-for") != [b"127.0.0.1"]
                or not request.all(b"via")
                or not request.all(b"host")
            ]
            ledger.enter(
                f"{field!r} {extra!r}", through="forged" if forged else "the gateway's own is gone" if missing else ""
            )


def test_a_trusted_proxy_is_believed_no_more_than_said(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger
) -> None:
    for number, field in enumerate(
        (b"X-Fluxgate-User", b"Remote-User", b"X-Auth-Request-User", b"X-Real-IP", b"Forwarded")
    ):
        name = f"{key}x{number}"
        with RawClient(gateway.port, TRUSTED) as client:
            client.send(get(name, field + b": " + FORGED))
            client.answer()
        ledger.enter(repr(field), through=any(FORGED in request.head for request in upstream.seen[name]))


def test_an_answer_injects_nothing(gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger) -> None:
    for number, line_end in enumerate(BREAKS):
        name = f"{key}x{number}"
        upstream.on(
            name, b"HTTP/1.1 200 OK\r\nX: a%bSet-Cookie: evil=1\r\nContent-Length: 2\r\n\r\nok" % line_end, end=True
        )
        raw = strike(gateway, b"GET /api/t/r/%b HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n" % name.encode())
        direct = line_end in {b"\r\n", b"\n", b"\r\r\n"} and raw.startswith(b"HTTP/1.1 5")
        lines = raw.replace(b"\r", b"\n").split(b"\n")
        own_line = any(line.startswith(b"Set-Cookie: evil") for line in lines)
        ledger.enter(repr(line_end), through=own_line and not direct and line_end != b"\r\n")
