"""What is told of each request, in one place: `begun` when it comes, `routed` when its route is known, `ended` when its
answer has gone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from fluxgate.routing import Route
from fluxgate.settings import TelemetrySettings
from fluxgate.telemetry.accesslog import AccessLog
from fluxgate.telemetry.lag import LoopLag
from fluxgate.telemetry.otel import Tracer, tracer_of
from fluxgate.telemetry.outcome import Answered
from fluxgate.telemetry.requests import RequestMetrics
from fluxgate.tracecontext import trace_of
from fluxgate.types import Scope

if TYPE_CHECKING:
    from fluxgate.proxy.timing import UpstreamCall

__all__ = ["Telemetry"]


class Telemetry:
    """One per gateway. Raises SettingsError for traces without the packages that they need."""

    def __init__(self, settings: TelemetrySettings, log_format: Literal["console", "json"]) -> None:
        self.requests = RequestMetrics()
        self.lag = LoopLag(watch=settings.watchdog)
        self._access = AccessLog(log_format, quiet_reads=settings.quiet_reads)
        self._tracer: Tracer | None = None if settings.otlp is None else tracer_of(settings.otlp)
        self._ratio = 0.0 if settings.otlp is None else settings.otlp.sample_ratio

    async def start(self) -> None:
        """Begin what runs in the background."""
        self.lag.start()

    async def stop(self) -> None:
        """End it, and write out what was collected."""
        self.lag.stop()
        self._access.flush()
        if self._tracer is not None:
            await self._tracer.stop()

    def begun(self, scope: Scope) -> None:
        """A request has come."""
        scope["fluxgate.trace"] = trace_of(scope["headers"], self._ratio)

    def routed(self, route: Route) -> None:
        """It goes to this route."""
        self.requests.routed(route)

    def ended(self, scope: Scope, route: Route | None, answer: Answered, seconds: float) -> None:
        """Its answer has gone, or never will."""
        cycle = scope.get("fluxgate.cycle")
        received: int = 0 if cycle is None else cycle.received
        plugin = route.plugin if route is not None else ""
        self.requests.ended(route, scope["method"], answer.status, received=received, sent=answer.sent, seconds=seconds)
        if code := scope.get("fluxgate.problem_code"):
            self.requests.problem(plugin, code)
        call: UpstreamCall | None = scope.get("fluxgate.upstream")
        if call is not None:
            self.requests.asked(plugin, call)
        self._access.log(scope, route, answer, seconds, received)
        if self._tracer is not None and scope["fluxgate.trace"].sampled:
            self._tracer.record(scope, route, answer, seconds, time.time_ns())
