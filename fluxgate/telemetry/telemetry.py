"""What is told of each request, in one place: `begun` when it comes, `ended` when its answer has gone."""

from __future__ import annotations

from typing import Literal

from fluxgate.routing import Route
from fluxgate.settings import TelemetrySettings
from fluxgate.telemetry.accesslog import AccessLog, Answered
from fluxgate.types import Scope

__all__ = ["Telemetry"]


class Telemetry:
    """One per gateway."""

    def __init__(self, settings: TelemetrySettings, log_format: Literal["console", "json"]) -> None:
        self._settings = settings
        self._access = AccessLog(log_format)

    async def start(self) -> None:
        """Begin what runs in the background."""

    async def stop(self) -> None:
        """End it, and write out what was collected."""
        self._access.flush()

    def begun(self, scope: Scope) -> None:
        """A request has come."""

    def ended(self, scope: Scope, route: Route | None, answer: Answered, seconds: float) -> None:
        """Its answer has gone, or never will."""
        self._access.log(scope, route, answer, seconds)
