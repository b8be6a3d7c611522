"""The names under which this gateway's own credentials travel: what the proxy must know to keep them from upstreams."""

from __future__ import annotations

from fluxgate.types import RawHeaders

__all__ = [
    "CSRF_COOKIE",
    "CSRF_FIELD",
    "HOST_PREFIX",
    "KEY_FIELD",
    "KEY_PREFIX",
    "LINK_PARAMETER",
    "SESSION_COOKIE",
    "cookies_of_others",
    "sets_own_cookie",
    "without_own",
]

KEY_FIELD = b"x-api-key"
KEY_PREFIX = b"fg_"
"""How every API key begins."""
LINK_PARAMETER = b"fg_link"
"""The query parameter of a signed link."""
SESSION_COOKIE = b"fluxgate_session"
CSRF_COOKIE = b"fluxgate_csrf"
CSRF_FIELD = b"x-csrf-token"
HOST_PREFIX = b"__Host-"
"""Before a cookie's name over https: browsers then take it from this very host only (RFC 6265bis)."""

_CARRIERS = frozenset({b"authorization", b"cookie", KEY_FIELD, CSRF_FIELD})
_OWN = frozenset({SESSION_COOKIE, CSRF_COOKIE, HOST_PREFIX + SESSION_COOKIE, HOST_PREFIX + CSRF_COOKIE})


def cookies_of_others(value: bytes) -> bytes:
    """A Cookie field without this gateway's own cookies; empty if there were no others."""
    if b"fluxgate_" not in value:
        return value
    pairs = [part.strip() for part in value.split(b";")]
    return b"; ".join(pair for pair in pairs if pair.partition(b"=")[0].strip() not in _OWN)


def sets_own_cookie(value: bytes) -> bool:
    """Whether a Set-Cookie field sets one of this gateway's cookies."""
    return b"fluxgate_" in value and value.partition(b"=")[0].strip() in _OWN


def without_own(headers: RawHeaders, *, by_session: bool) -> RawHeaders:
    """A request's fields without this gateway's own cookies and API keys, and without the CSRF token if the caller's is
    a session of ours; other credentials stay."""
    kept: RawHeaders = []
    for name, value in headers:
        lowered = name.lower()
        if lowered not in _CARRIERS:
            kept.append((name, value))
        elif lowered == b"cookie":
            if others := cookies_of_others(value):
                kept.append((name, others))
        elif lowered == CSRF_FIELD:
            if not by_session:
                kept.append((name, value))
        elif not value.strip().rpartition(b" ")[2].startswith(KEY_PREFIX):
            kept.append((name, value))
    return kept
