"""Counts of requests by plugin and route, and of what was asked of upstreams: plain numbers, added to when a request
has ended. `exposition.py` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping

from fluxgate.proxy.timing import UpstreamCall
from fluxgate.routing import Route
from fluxgate.telemetry.histogram import Histogram

__all__ = ["RequestMetrics", "RouteStats", "UpstreamStats"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MOST_CODES = 300
"""Plugins name their problems as they like: so many names are told apart."""


class RouteStats:
    """One route's. `counts` by method and status; `sent` and `received` in bytes."""

    __slots__ = ("counts", "received", "running", "seconds", "sent")

    def __init__(self) -> None:
        self.counts: dict[tuple[str, int], int] = {}
        self.running = 0
        self.received = 0
        self.sent = 0
        self.seconds = Histogram()


class UpstreamStats:
    """One upstream's. `counts` by status, `errors` by the kind of failure; times in seconds."""

    __slots__ = ("attempts", "connect", "counts", "errors", "first_byte")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.errors: dict[str, int] = {}
        self.attempts = 0
        self.connect = Histogram()
        self.first_byte = Histogram()


class RequestMetrics:
    """Of one gateway. What matched no route is counted under None."""

    def __init__(self) -> None:
        self.routes: dict[Route | None, RouteStats] = {}
        self.upstreams: dict[tuple[str, str], UpstreamStats] = {}
        self.problems: dict[tuple[str, str], int] = {}
        """By plugin (empty: the gateway) and code."""
        self.running = 0

    def routed(self, route: Route) -> None:
        """A request goes to this route."""
        stats = self.routes.get(route)
        if stats is None:
            stats = self.routes[route] = RouteStats()
        stats.running += 1

    def ended(self, route: Route | None, method: str, status: int, *, received: int, sent: int, seconds: float) -> None:
        """A request has ended. `status` 499: the client left."""
        stats = self.routes.get(route)
        if stats is None:
            stats = self.routes[route] = RouteStats()
        key = (method if method in _METHODS else "other", status)
        stats.counts[key] = stats.counts.get(key, 0) + 1
        stats.received += received
        stats.sent += sent
        stats.seconds.observe(seconds)
        if route is not None:
            stats.running -= 1

    def asked(self, plugin: str, call: UpstreamCall) -> None:
        """An upstream was asked."""
        key = (plugin, call.name)
        stats = self.upstreams.get(key)
        if stats is None:
            stats = self.upstreams[key] = UpstreamStats()
        stats.attempts += call.attempts
        if call.connected:
            stats.connect.observe(call.connect_seconds)
        if call.answered:
            stats.first_byte.observe(call.first_byte_seconds)
        if call.status:
            stats.counts[call.status] = stats.counts.get(call.status, 0) + 1
        if call.error:
            stats.errors[call.error] = stats.errors.get(call.error, 0) + 1

    def problem(self, plugin: str, code: str) -> None:
        """A request was answered with a problem."""
        key = (plugin, code)
        if key not in self.problems and len(self.problems) >= _MOST_CODES:
            key = (plugin, "OTHER")
        self.problems[key] = self.problems.get(key, 0) + 1

    def classes(self, counts: Mapping[tuple[str, int], int]) -> dict[tuple[str, str], int]:
        """`counts` by method and class of status: `2xx`."""
        found: dict[tuple[str, str], int] = {}
        for (method, status), count in counts.items():
            key = (method, f"{status // 100}xx" if status else "none")
            found[key] = found.get(key, 0) + count
        return found
