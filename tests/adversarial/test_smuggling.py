"""Request smuggling: whatever the framing claims, the upstream gets one request, whole, or none; and the bytes meant as
a second one never become one.
"""

from __future__ import annotations

import itertools

import pytest

from tests.adversarial.ledger import Ledger
from tests.adversarial.striking import all_at_once, strike
from tests.support.gateway import GatewayProcess
from tests.support.rawpeer import RawUpstream

METHODS = (b"POST", b"GET", b"PUT", b"DELETE")

LENGTH = b"Content-Length: %d"

TRANSFER_CODINGS = (
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding:\x0bchunked",
    b"Transfer-Encoding: \x00chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: CHUNKED",
    b'Transfer-Encoding: "chunked"',
    b"Transfer-Encoding: chunked;x=1",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding:\r\n chunked",
    b"X: y\r\n Transfer-Encoding: chunked",
    b"X: y\nTransfer-Encoding: chunked",
    b"X: y\rTransfer-Encoding: chunked",
    b" Transfer-Encoding: chunked",
    b"Transfer_Encoding: chunked",
    b"Transfer-Encoding\x00: chunked",
    b"Transfer-Encoding\xff: chunked",
    b"\xefTransfer-Encoding: chunked",
    b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
    b"TE: trailers\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: ",
    b"Transfer-Encoding: trailers",
)
CONTENT_LENGTHS = (
    b"Content-Length: 0\r\nContent-Length: %d",
    b"Content-Length: %d\r\nContent-Length: 0",
    b"Content-Length: %d, 0",
    b"Content-Length: 0, %d",
    b"Content-Length: +%d",
    b"Content-Length: -%d",
    b"Content-Length: 0x%x",
    b"Content-Length: %d.0",
    b"Content-Length: %d e",
    b"Content-Length: \x0b%d",
    b"Content-Length : %d",
    b"Content-Length:\r\n %d",
    b"Content-Length: 9999999999999999999%d",
    b"Content-Length\x00: %d",
    b"Content_Length: %d",
    b"Connection: Content-Length\r\nContent-Length: %d",
)
CHUNKED_BODIES = (
    b"0\r\n\r\n%b",
    b"0\n\n%b",
    b"0\r\n\n%b",
    b"0\r\r\n%b",
    b"-1\r\n\r\n%b",
    b"+0\r\n\r\n%b",
    b"0x0\r\n\r\n%b",
    b" 0\r\n\r\n%b",
    b"0 \r\n\r\n%b",
    b"0;\r\n\r\n%b",
    b'0;x="\r\n\r\n%b"\r\n\r\n',
    b"0;\nx\r\n\r\n%b",
    b"00000000000000000000\r\n\r\n%b",
    b"fffffffffffffffff\r\n%b",
    b"10000000000000000\r\n%b",
    b"1\r\nA%b",
    b"1\r\nAB\r\n0\r\n\r\n%b",
    b"1\r\nA\n0\r\n\r\n%b",
    b"1\nA\r\n0\r\n\r\n%b",
    b"g\r\n\r\n%b",
    b"\r\n0\r\n\r\n%b",
    b"0\r\nX: y\r\n\r\n%b",
    b"0\r\nContent-Length: 5\r\n\r\n%b",
    b"0\r\nTransfer-Encoding: chunked\r\n\r\n%b",
    b"0\r\nX y\r\n\r\n%b",
    b"0\r\n X: y\r\n\r\n%b",
)


TARGETS = (
    (b"GET /api/t/r/%b HTTP/1.1", (b"Host: a.test", b"Host: b.test")),
    (b"GET /api/t/r/%b HTTP/1.1", (b"Host: a.test, b.test",)),
    (b"GET /api/t/r/%b HTTP/1.1", (b"Host: a.test b.test",)),
    (b"GET /api/t/r/%b HTTP/1.1", (b"Host: a.test/x",)),
    (b"GET /api/t/r/%b HTTP/1.1", (b"Host: a.test@b.test",)),
    (b"GET /api/t/r/%b HTTP/1.1", (b"Host: a.test#b",)),
    (b"GET /api/t/r/%b HTTP/1.1", (b"Host : a.test",)),
    (b"GET /api/t/r/%b HTTP/1.1", (b"Host: a.test\x00",)),
    (b"GET /api/t/r/%b HTTP/1.1", (b" Host: a.test",)),
    (b"GET /api/t/r/%b HTTP/1.1", ()),
    (b"GET http://b.test/api/t/r/%b HTTP/1.1", (b"Host: a.test",)),
    (b"GET http://a.test@b.test/api/t/r/%b HTTP/1.1", (b"Host: a.test",)),
    (b"GET http://b.test#@a.test/api/t/r/%b HTTP/1.1", (b"Host: a.test",)),
    (b"GET ftp://a.test/api/t/r/%b HTTP/1.1", (b"Host: a.test",)),
    (b"GET //a.test/api/t/r/%b HTTP/1.1", (b"Host: a.test",)),
    (b"GET \\api\\t\\r\\%b HTTP/1.1", (b"Host: a.test",)),
    (b"GET /api/t/r/%b#x HTTP/1.1", (b"Host: a.test",)),
    (b"GET /api/t/r/%b HTTP/1.1 HTTP/1.1", (b"Host: a.test",)),
    (b"GET /api/t/r/%b\tx HTTP/1.1", (b"Host: a.test",)),
    (b"GET /api/t/r/%b HTTP/1.2", (b"Host: a.test",)),
    (b"GET /api/t/r/%b HTTP/2.0", (b"Host: a.test",)),
    (b"GET /api/t/r/%b HTTP/1.1x", (b"Host: a.test",)),
    (b"GET /api/t/r/%b http/1.1", (b"Host: a.test",)),
    (b"GET /api/t/r/%b", (b"Host: a.test",)),
    (b"CONNECT a.test:80 HTTP/1.1 /api/t/r/%b", (b"Host: a.test",)),
)
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"
ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 49\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 49\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nX: y\r\n Content-Length: 2\r\n\r\nok",
)


def smuggled(key: str) -> bytes:
    """What an attacker wants a server behind the gateway to take for the next request on its connection."""
    return f"GET /r/{key}-smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n".encode()


def visible(key: str) -> bytes:
    """The same as a client would ask for it; the gateway itself may take it for a pipelined request of this client, but
    never under the first one's roof."""
    return f"GET /api/t/hello/{key}-visible HTTP/1.1\r\nHost: a.test\r\n\r\n".encode()


def came_through(upstream: RawUpstream, key: str) -> str:
    """How the upstream was taken in: by a second request, or by a framing that isn't the gateway's own."""
    if upstream.seen[f"{key}-smuggled"]:
        return "the upstream got a second request"
    for request in upstream.seen[key]:
        lengths, codings = request.all(b"content-length"), request.all(b"transfer-encoding")
        if len(lengths) + len(codings) > 1 or codings not in ([], [b"chunked"]):
            return f"the upstream got {lengths} and {codings}"
        names = [name.lower().replace(b"_", b"-") for name, _ in request.headers]
        if names.count(b"content-length") + names.count(b"transfer-encoding") > len(lengths) + len(codings):
            return "the upstream got a disguised framing"
    return ""


def head(method: bytes, key: str, *fields: bytes) -> bytes:
    return b"\r\n".join([b"%b /api/t/r/%b HTTP/1.1" % (method, key.encode()), b"Host: a.test", *fields, b"", b""])


@pytest.mark.parametrize("method", METHODS)
def test_both_framings(gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger, method: bytes) -> None:
    def attack(variant: tuple[int, int]) -> None:
        number, order = variant
        coding, name = TRANSFER_CODINGS[number], f"{key}x{number}x{order}"
        chunked = b"0\r\n\r\n" + smuggled(name)
        fields = [LENGTH % len(chunked), coding]
        strike(gateway, head(method, name, *(fields if order else reversed(fields))) + chunked)
        ledger.enter(f"{method!r} {coding!r} {order}", through=came_through(upstream, name))

    all_at_once(attack, itertools.product(range(len(TRANSFER_CODINGS)), (0, 1)))


@pytest.mark.parametrize("method", METHODS)
def test_codings_alone(gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger, method: bytes) -> None:
    def attack(number: int) -> None:
        coding, name = TRANSFER_CODINGS[number], f"{key}x{number}"
        strike(gateway, head(method, name, coding) + b"0\r\n\r\n" + smuggled(name))
        ledger.enter(f"{method!r} {coding!r}", through=came_through(upstream, name))

    all_at_once(attack, range(len(TRANSFER_CODINGS)))


@pytest.mark.parametrize("method", METHODS)
def test_lengths(gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger, method: bytes) -> None:
    def attack(number: int) -> None:
        field, name = CONTENT_LENGTHS[number], f"{key}x{number}"
        body = smuggled(name)
        strike(gateway, head(method, name, field % len(body)) + body)
        ledger.enter(f"{method!r} {field!r}", through=came_through(upstream, name))

    all_at_once(attack, range(len(CONTENT_LENGTHS)))


@pytest.mark.parametrize("whole", [True, False], ids=["at once", "byte by byte"])
def test_chunk_framing(gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger, whole: bool) -> None:
    def attack(number: int) -> None:
        name = f"{key}x{number}"
        sent = head(b"POST", name, b"Transfer-Encoding: chunked") + CHUNKED_BODIES[number] % smuggled(name)
        strike(gateway, *([sent] if whole else [sent[at : at + 1] for at in range(len(sent))]))
        ledger.enter(repr(CHUNKED_BODIES[number]), through=came_through(upstream, name))

    all_at_once(attack, range(len(CHUNKED_BODIES)))


def test_hosts_and_targets(gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger) -> None:
    def attack(number: int) -> None:
        line, fields = TARGETS[number]
        name = f"{key}x{number}x"
        strike(gateway, b"\r\n".join([line % name.encode(), *fields, b"", b""]))
        seen = [request for other in list(upstream.seen) if other.startswith(name) for request in upstream.seen[other]]
        ledger.enter(f"{line!r} {fields!r}", through=f"the upstream got {seen[0].head!r}" if seen else "")

    all_at_once(attack, range(len(TARGETS)))


def test_a_refused_request_takes_its_connection_with_it(gateway: GatewayProcess, key: str, ledger: Ledger) -> None:
    """After ambiguous framing nothing on that connection is believed, not even a plain request."""

    def attack(number: int) -> None:
        name = f"{key}x{number}"
        if number < len(TRANSFER_CODINGS):
            sent = head(b"POST", name, LENGTH % 5, TRANSFER_CODINGS[number]) + b"0\r\n\r\n"
        else:
            sent = head(b"POST", name, CONTENT_LENGTHS[number - len(TRANSFER_CODINGS)] % 5) + b"abcde"
        answers = strike(gateway, sent, visible(name))
        refused = answers.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
        ledger.enter(repr(sent), through=refused and f"{name}-visible".encode() in answers)

    all_at_once(attack, range(len(TRANSFER_CODINGS) + len(CONTENT_LENGTHS)))


def test_an_answer_cant_smuggle_another(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger
) -> None:
    """What an upstream sends beyond its answer, or ambiguously, is never taken for the next one's."""
    for number, raw in enumerate(ANSWERS):
        name = f"{key}x{number}"
        upstream.on(name, raw + EVIL)
        first = strike(gateway, head(b"GET", name, b"Connection: close"))
        second = strike(gateway, head(b"GET", name + "n", b"Connection: close"))
        in_head = b"EVIL" in first.split(b"\r\n\r\n", 1)[0]
        ledger.enter(repr(raw), through=b"EVIL" in second or first.count(b"HTTP/1.1 ") > 1 or in_head)
