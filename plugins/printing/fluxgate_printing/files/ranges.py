"""Conditional and partial requests of one content (RFC 9110 §13, §14): what the fields of a GET ask for.

A content's entity tag is strong: it is made of its hash. There are no dates, so those that a request names don't match.
"""

from __future__ import annotations

import re

from fluxgate.errors import ProblemError
from fluxgate.types import RawHeaders

__all__ = ["is_unchanged", "wanted_range"]

_RANGE = re.compile(rb"bytes[ \t]*=[ \t,]*(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))[ \t,]*", re.IGNORECASE)
_TAG = re.compile(rb'(?:W/)?"[^"]*"')


def is_unchanged(headers: RawHeaders, etag: bytes) -> bool:
    """Whether the client has this content already, so that the answer is 304.

    Raises ProblemError 412 PRECONDITION_FAILED if it wants another one.
    """
    if (wanted := _field(headers, b"if-match")) is not None and not _matches(wanted, etag, weakly=False):
        raise ProblemError("The file has changed.", status=412, code="PRECONDITION_FAILED", field="if-match")
    known = _field(headers, b"if-none-match")
    return known is not None and _matches(known, etag, weakly=True)


def wanted_range(headers: RawHeaders, etag: bytes, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last, or None for all: there is no Range, several, one that isn't understood
    or one of another version (If-Range).

    Raises ProblemError 416 RANGE_NOT_SATISFIABLE if none of it is there.
    """
    wanted = _RANGE.fullmatch((_field(headers, b"range") or b"").strip())
    condition = _field(headers, b"if-range")
    if wanted is None or (condition is not None and condition.strip() != etag):
        return None
    first, last, suffix = wanted.groups()
    if suffix is not None:
        start, stop = max(0, size - int(suffix)), size
    else:
        start, stop = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < int(first):
            return None
    if start >= stop:
        raise ProblemError(
            f"The file has {size} bytes.",
            status=416,
            code="RANGE_NOT_SATISFIABLE",
            field="range",
            headers=((b"content-range", b"bytes */%d" % size),),
        )
    return start, stop


def _field(headers: RawHeaders, name: bytes) -> bytes | None:
    """The field's value; of several lines the list that they make."""
    values = [value for found, value in headers if found == name]
    return b", ".join(values) if values else None


def _matches(tags: bytes, etag: bytes, *, weakly: bool) -> bool:
    if tags.strip() == b"*":
        return True
    return any((tag.removeprefix(b"W/") if weakly else tag) == etag for tag in _TAG.findall(tags))
