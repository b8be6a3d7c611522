"""Which requests may leave HTTP, of those with `Upgrade`. The others are served as if they had none (RFC 9110 §7.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxgate.types import RawHeaders

if TYPE_CHECKING:
    from uvicorn._types import HTTPScope


def may_switch(scope: HTTPScope, headers: RawHeaders) -> bool:
    """Whether it is a WebSocket handshake that the connection could be switched after: one with a body never is, and
    HTTP/1.0 knows no upgrade."""
    if scope["method"] != "GET" or scope["http_version"] != "1.1" or framing_fields(headers):
        return False
    upgrade = b",".join(value for name, value in headers if name == b"upgrade")
    return b"websocket" in [token.strip() for token in upgrade.lower().split(b",")]


def framing_fields(headers: RawHeaders) -> bytes:
    """The fields that say where a body ends."""
    return b"".join(b"%b: %b\r\n" % field for field in headers if field[0] in {b"content-length", b"transfer-encoding"})
