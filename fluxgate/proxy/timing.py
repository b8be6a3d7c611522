"""How one request to an upstream went, for logs, metrics and traces."""

from __future__ import annotations

import time

from fluxgate.tracecontext import new_span_id

__all__ = ["UpstreamCall"]


class UpstreamCall:
    """Of one request. `begun` and the moments after it are `time.perf_counter()`; a moment that didn't come is 0.

    `connected`: a connection was at hand; `answered`: the answer's head had come; `status`: the upstream's, 0 for none;
    `error`: the kind of `UpstreamError` that ended it; `attempts`: tries, the first too.
    """

    __slots__ = ("answered", "attempts", "begun", "connected", "error", "name", "span_id", "status")

    def __init__(self, name: str) -> None:
        self.name = name
        self.begun = time.perf_counter()
        self.connected = 0.0
        self.answered = 0.0
        self.status = 0
        self.error = ""
        self.attempts = 1
        self.span_id = new_span_id()

    @property
    def connect_seconds(self) -> float:
        """Until a connection was at hand."""
        return self.connected - self.begun if self.connected else 0.0

    def offset(self, seconds: float) -> float:
        """When the upstream was asked, in seconds after the beginning of a request that took `seconds` until now."""
        return max(0.0, seconds - (time.perf_counter() - self.begun))

    @property
    def first_byte_seconds(self) -> float:
        """From then until the answer's head."""
        return self.answered - self.connected if self.answered else 0.0
