"""CORS and security headers of one gateway, behind one object."""

from __future__ import annotations

from fluxgate.routing import Route
from fluxgate.settings import BrowserSettings
from fluxgate.types import RawHeaders, Scope

__all__ = ["Browser"]


class Browser:
    """One per gateway."""

    def __init__(self, settings: BrowserSettings) -> None:
        self._settings = settings

    def preflight(self, scope: Scope) -> RawHeaders | None:
        """The fields that answer a CORS preflight; None if the request isn't one."""
        return None

    def fields(self, scope: Scope, route: Route | None) -> RawHeaders:
        """What every answer carries besides its own fields; `route` is None where none was found."""
        return []
