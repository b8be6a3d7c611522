"""All limits a request has to keep, behind one object."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fluxgate.principal import Principal
from fluxgate.routing import Route
from fluxgate.settings import LimitSettings
from fluxgate.types import Scope

if TYPE_CHECKING:
    from fluxgate.answer import Answer

__all__ = ["Limits"]


class Limits:
    """One per gateway."""

    def __init__(self, settings: LimitSettings) -> None:
        self._settings = settings

    async def take(self, route: Route, principal: Principal, scope: Scope, answer: Answer) -> None:
        """Count one request. Raises TooManyRequestsError."""

    @contextmanager
    def running(self, route: Route) -> Iterator[None]:
        """While the request runs. Raises UnavailableError where too many do."""
        yield
