"""How a forwarded request can end other than with a whole answer or a problem, and which may be tried again."""

from __future__ import annotations

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
"""RFC 9110 §9.2.2."""

CLIENT_CLOSED_REQUEST = 499
"""The status under which a request is logged whose client left."""


class ClientGone(Exception):  # noqa: N818 - an outcome
    """The client left before its answer was complete; nobody is there to be told."""


class ResponseBroken(Exception):  # noqa: N818 - an outcome
    """The upstream died in the middle of the body; the client's transfer must be broken off, not ended."""


class BodyTooLarge(Exception):  # noqa: N818 - an outcome
    """The body grew past the route's limit while it was read."""


class ClientStalled(Exception):  # noqa: N818 - an outcome
    """The client sent nothing of its announced body for too long."""
