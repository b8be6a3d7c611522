"""W3C trace context: the trace that a request belongs to, taken from its `traceparent` or begun here.

https://www.w3.org/TR/trace-context/: a `traceparent` that isn't valid begins a new trace, and its `tracestate` is
dropped with it. Ids are the caller's to choose, so they are looked at closely before they get into logs and upstream.
"""

from __future__ import annotations

import random
import re

import msgspec

from fluxgate.types import RawHeaders

__all__ = ["TraceContext", "new_span_id", "trace_of"]

_TRACEPARENT = re.compile(
    rb"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?\Z"
)
# §3.3.1: a key is a name or tenant@vendor; a value is printable, without comma or equals sign, and ends with no space.
_MEMBER = re.compile(
    rb"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    rb"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]\Z"
)
_MOST_MEMBERS = 32
_LONGEST_STATE = 512
_SAMPLED = 1
_random = random.Random()  # noqa: S311 - ids have to differ, not to be secret


class TraceContext(msgspec.Struct, frozen=True, gc=False):
    """Ids in lower-case hex. `parent_id`: the caller's span, empty if the trace begins here; `span_id`: the gateway's
    own; `sampled`: whether the caller (or chance) has the trace recorded."""

    trace_id: str
    span_id: str
    parent_id: str = ""
    sampled: bool = False
    state: bytes = b""

    def parent(self, span_id: str) -> bytes:
        """`traceparent` for whoever is asked on behalf of this request, within the span `span_id`."""
        return f"00-{self.trace_id}-{span_id}-{int(self.sampled):02x}".encode("ascii")


def trace_of(headers: RawHeaders, ratio: float = 0.0) -> TraceContext:
    """The request's trace. `ratio`: how many of those that begin here are sampled."""
    parent = state = b""
    parents = 0
    for name, value in headers:
        if name == b"traceparent":
            parent = value
            parents += 1
        elif name == b"tracestate":
            state = state + b"," + value if state else value
    span_id = new_span_id()
    found = _TRACEPARENT.match(parent) if parents == 1 else None
    if found is None or not _is_valid(found):
        sampled = ratio > 0 and _random.random() < ratio
        return TraceContext(f"{_random.getrandbits(128) or 1:032x}", span_id, sampled=sampled)
    kept = state if _is_valid_state(state) else b""
    return TraceContext(
        found["trace"].decode("ascii"),
        span_id,
        found["span"].decode("ascii"),
        bool(int(found["flags"], 16) & _SAMPLED),
        kept,
    )


def new_span_id() -> str:
    """A span's id."""
    return f"{_random.getrandbits(64) or 1:016x}"


def _is_valid(found: re.Match[bytes]) -> bool:
    if found["version"] == b"ff" or (found["version"] == b"00" and found["more"]):
        return False
    return found["trace"].strip(b"0") != b"" and found["span"].strip(b"0") != b""


def _is_valid_state(state: bytes) -> bool:
    """Members may be empty; one that is wrong makes all of them worthless."""
    if len(state) > _LONGEST_STATE:
        return False
    members = [member for part in state.split(b",") if (member := part.strip(b" \t"))]
    return len(members) <= _MOST_MEMBERS and all(map(_MEMBER.match, members))
