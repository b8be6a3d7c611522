"""HTTP's rules for keeping answers (RFC 9111), as far as a cache that keeps them for a moment needs them. No I/O."""

from __future__ import annotations

import re
from hashlib import blake2b

import msgspec

from fluxgate.proxy.route import CachePolicy
from fluxgate.types import RawHeaders

__all__ = ["Directives", "Entry", "directives", "lifetime", "make_entry", "matches"]

_DIRECTIVE = re.compile(
    rb"""\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?\s*(?:,|\Z)"""
)
_ETAGS = re.compile(rb'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_LONGEST = 31_536_000

Directives = dict[bytes, bytes]

# What belongs to one transfer and not to the answer that is kept.
_NOT_KEPT = frozenset({b"age", b"date", b"content-length", b"cache-status", b"connection", b"transfer-encoding"})


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An answer that is kept. `fresh_until`, `stale_until` and `stored_at` by the monotonic clock; `age` in seconds at
    that last time. `etag`: the upstream's, or one of ours (then `validated` is False)."""

    headers: RawHeaders
    body: bytes
    etag: bytes
    validated: bool
    age: float
    stored_at: float
    fresh_until: float
    stale_until: float

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(self.body) + 256 + sum(len(name) + len(value) + 100 for name, value in self.headers)


def directives(headers: RawHeaders) -> Directives | None:
    """The Cache-Control of a request or an answer; None if it can't be read, which is to be taken for the worst."""
    found: Directives = {}
    for name, value in headers:
        if name.lower() != b"cache-control":
            continue
        at = 0
        while at < len(value):
            match = _DIRECTIVE.match(value, at)
            if match is None:
                return None if value[at:].strip(b" \t,") else found
            found[match[1].lower()] = match[2] if match[2] is not None else match[3] or b""
            at = match.end()
    return found


def lifetime(headers: RawHeaders, policy: CachePolicy) -> float | None:
    """For how many seconds an answer of these fields may be given without asking; None: it may not be kept at all."""
    said = directives(headers)
    if said is None or said.keys() & {b"no-store", b"private"}:
        return None
    age = 0
    for name, value in headers:
        lowered = name.lower()
        if lowered == b"set-cookie" or (lowered == b"vary" and b"*" in value):
            return None
        if lowered == b"age":
            age = _seconds(value) or 0
    if b"no-cache" in said:
        return 0.0
    for name in (b"s-maxage", b"max-age"):
        if name in said:
            allowed = _seconds(said[name])
            return 0.0 if allowed is None else max(0.0, min(policy.ttl, allowed - age))
    return policy.ttl


def make_entry(headers: RawHeaders, body: bytes, policy: CachePolicy, now: float) -> Entry | None:
    """What is kept of a whole 200 answer; None if it may not be."""
    seconds = lifetime(headers, policy)
    if seconds is None or len(body) > policy.max_entry:
        return None
    etag = b""
    age = 0
    kept: RawHeaders = []
    for name, value in headers:
        lowered = name.lower()
        if lowered == b"etag" and _ETAGS.fullmatch(value):
            etag = value
        elif lowered == b"age":
            age = _seconds(value) or 0
        elif lowered not in _NOT_KEPT:
            kept.append((name, value))
    validated = bool(etag)
    etag = etag or b'"fg-%b"' % blake2b(body, digest_size=12).hexdigest().encode()
    said = directives(headers) or {}
    strict = said.keys() & {b"must-revalidate", b"proxy-revalidate", b"no-cache"}
    stale = 0.0 if strict else policy.stale_if_error
    return Entry(kept, body, etag, validated, age, now, now + seconds, now + seconds + stale)


def matches(headers: RawHeaders, etag: bytes) -> bool:
    """Whether a request's If-None-Match names this entity (by weak comparison, RFC 9110 §13.1.2)."""
    plain = etag.removeprefix(b"W/")
    for name, value in headers:
        if name.lower() == b"if-none-match":
            if value.strip() == b"*":
                return True
            if any(one.removeprefix(b"W/") == plain for one in _ETAGS.findall(value)):
                return True
    return False


def _seconds(text: bytes) -> int | None:
    return min(int(text), _LONGEST) if text.isdigit() and len(text) < 20 else None
