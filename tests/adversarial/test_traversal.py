"""Path traversal: no parameter of any route reaches another route of the upstream, whatever is written for it."""

from __future__ import annotations

from urllib.parse import quote

from tests.adversarial.ledger import Ledger
from tests.adversarial.striking import strike
from tests.support.gateway import GatewayProcess
from tests.support.rawpeer import RawUpstream

SECRET = "admin-secret"
STEPS = (
    "..", ".", "%2e%2e", "%2E%2e", ".%2e", "%2e.", "..%00", "..;", "..%3b", "%252e%252e", "..%c0%af", "..%ef%bc%8f",
    "%c0%ae%c0%ae", "%u002e%u002e", "...", "....", "..\\", "..%5c", "..%255c", "\\..\\", "%5c..%5c", "..%09", "..%20",
    "..%0a", "..%0d%0a", "%00", "%2e%2e%2f%2e%2e", "..%2f..", "..%2F..%2F..", "..%252f..", "x%2f..%2f..", "x/../..",
    "x/./..", "x//..", "/..", "//", "x%23", "#", "%23", "%3f", "x?y=/..", "~root", "%7e", "x%", "%2",
    "%zz", "%%32%65",
    "\u2025", "\u2215", "\uff0e\uff0e", "\uff0f..", "‥/", "C:",
    "file:%2f%2f", "http:%2f%2fa.test", "@a.test", "%40a.test:80",
)  # fmt: skip
ROUTES = (
    "/api/t/r/{}",
    "/api/t/prints/{}",
    "/api/t/two/{}/b",
    "/api/t/two/a/{}",
    "/api/t/tree/{}",
    "/api/t/tree/a/{}/b",
)
ALLOWED = {"/api/t/r/": b"/r/", "/api/t/prints/": b"/up/one/", "/api/t/two/": b"/two/", "/api/t/tree/": b"/tree/"}


def normal(target: bytes) -> list[bytes]:
    """The segments as the most forgiving server would read them: everything decoded, dots resolved."""
    text = target.partition(b"?")[0].partition(b"#")[0]
    for _ in range(3):
        decoded = bytearray()
        at = 0
        while at < len(text):
            if (
                text[at : at + 1] == b"%"
                and all(digit in b"0123456789abcdefABCDEF" for digit in text[at + 1 : at + 3])
                and len(text) >= at + 3
            ):
                decoded.append(int(text[at + 1 : at + 3], 16))
                at += 3
            else:
                decoded.append(text[at])
                at += 1
        if bytes(decoded) == text:
            break
        text = bytes(decoded)
    segments: list[bytes] = []
    for segment in text.replace(b"\\", b"/").split(b"/"):
        if segment == b"..":
            segments = segments[:-1]
        elif segment not in {b"", b"."}:
            segments.append(segment)
    return segments


def test_parameters_stay_where_they_are(gateway: GatewayProcess, upstream: RawUpstream, ledger: Ledger) -> None:
    for route in ROUTES:
        prefix = next(allowed for start, allowed in ALLOWED.items() if route.startswith(start))
        for step in STEPS:
            for end in ("", "/" + SECRET, "%2f" + SECRET):
                before = {id(peer): len(peer.requests) for peer in upstream.peers}
                path = route.format(step + end)
                written = path.encode("latin-1") if path.isascii() else quote(path, safe="/%?#\\~@:;.").encode()
                strike(gateway, b"GET %b HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n" % written)
                for peer in upstream.peers:
                    for request in peer.requests[before.get(id(peer), 0) :]:
                        strict = request.target.startswith(prefix) and b"#" not in request.target
                        # Twice-encoded dots are a name of three letters to whoever decodes once.
                        once = b"%25" in request.target or normal(request.target)[: prefix.count(b"/") - 1] == [
                            part for part in prefix.split(b"/") if part
                        ]
                        if not (strict and once):
                            ledger.enter(f"{path!r} on the wire", through=f"the upstream got {request.target!r}")
                ledger.enter(path, through=False)


def test_a_queue_of_escapes_reaches_no_other_plugin(gateway: GatewayProcess, ledger: Ledger) -> None:
    for path in (
        "/api/t/../../-/health", "/api/t/%2e%2e/%2e%2e/-/health", "/api//t/hello/x", "/api/t//hello/x",
        "/api/t/hello/..%2fx",
        "/api/%74/hello/x%2fy", "/API/t/hello/x", "/api/T/hello/x", "/api/t;x/hello/x", "/api/t%00/hello/x",
        "/api/t./hello/x",
        "/api/tt/hello/x", "/api/t\\hello\\x", "/.//api/t/hello/x",
    ):  # fmt: skip
        raw = strike(gateway, b"GET %b HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n" % path.encode())
        ledger.enter(path, through=raw.startswith(b"HTTP/1.1 2") and raw[:200].decode("latin-1"))
