"""The request target (RFC 9112 §3.2) taken apart without changing a byte of it."""

from __future__ import annotations

from typing import Any

import httptools

from fluxgate.server.refusal import RefusedError
from fluxgate.types import RawHeaders


def split_target(target: bytes, headers: RawHeaders) -> tuple[bytes, bytes]:
    """Path and query as the bytes that came. Raises `RefusedError` for a fragment, userinfo, or a foreign authority."""
    if target[:1] == b"/" and b"#" not in target:
        # parse_url would take `//x/y` for a path too, so splitting at the first `?` says the same, faster.
        path, _, query = target.partition(b"?")
        return path, query
    return _absolute(target, headers)


def _absolute(target: bytes, headers: RawHeaders) -> tuple[bytes, bytes]:
    """Absolute-form is accepted when its authority is Host's."""
    try:
        parsed: Any = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        raise RefusedError(400, "INVALID_TARGET", "The request target is not valid.") from None
    if (
        parsed.fragment is not None
        or parsed.userinfo is not None
        or (parsed.schema or b"").lower() not in {b"http", b"https"}
    ):
        raise RefusedError(400, "INVALID_TARGET", "The request target is not valid.")
    authority = parsed.host if parsed.port is None else b"%b:%d" % (parsed.host, parsed.port)
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1 or hosts[0].lower() != authority.lower():
        raise RefusedError(400, "INVALID_TARGET", "The request target and Host name different servers.")
    return parsed.path or b"/", parsed.query or b""
