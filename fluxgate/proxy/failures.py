"""What can go wrong with an upstream, before it becomes a status for the client.

UpstreamError
├── ConnectError      no connection: refused, unreachable, DNS, TLS
├── ConnectTimeout    no connection in time
├── PoolTimeout       every connection stayed busy
├── UnhealthyError    its circuit is open, or its probe says that it is down
├── ReadTimeout       silence while an answer was due
├── WriteTimeout      the upstream stopped reading
├── MalformedError    what came isn't HTTP
└── ClosedError       the upstream closed in the middle of the exchange
"""

from __future__ import annotations


class UpstreamError(Exception):
    """Base of all of them."""


class ConnectError(UpstreamError):
    """No connection: refused, unreachable, DNS, TLS."""


class ConnectTimeout(UpstreamError):  # noqa: N818 - the field's term
    """No connection in time."""


class PoolTimeout(UpstreamError):  # noqa: N818
    """Every connection stayed busy."""


class UnhealthyError(UpstreamError):
    """It isn't asked: its circuit is open, or its probe says that it is down. `retry_after` in seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ReadTimeout(UpstreamError):  # noqa: N818
    """Silence while an answer was due."""


class WriteTimeout(UpstreamError):  # noqa: N818
    """The upstream stopped reading."""


class MalformedError(UpstreamError):
    """What came isn't HTTP."""


class ClosedError(UpstreamError):
    """The upstream closed in the middle. `before_answer`: not one byte of the answer had come."""

    def __init__(self, message: str, *, before_answer: bool) -> None:
        super().__init__(message)
        self.before_answer = before_answer
