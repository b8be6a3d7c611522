"""How many connections each client address has open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fluxgate.address import network_of

__all__ = ["Addresses"]


class Connection(Protocol):
    """What is counted."""

    client: tuple[str, int] | None


class Addresses:
    """At most `limit` connections an address (IPv6: a /64). Addresses that `is_uncounted` are our own proxies'."""

    def __init__(self, limit: int = 1_000_000, is_uncounted: Callable[[str], bool] | None = None) -> None:
        self._limit = limit
        self._is_uncounted = is_uncounted or (lambda address: False)
        self._open: dict[str, int] = {}

    def enter(self, connection: Connection) -> bool:
        """Count a new connection; whether it is within the limit. `leave` must follow either way."""
        if (address := self._counted(connection)) is None:
            return True
        self._open[address] = count = self._open.get(address, 0) + 1
        return count <= self._limit

    def leave(self, connection: Connection) -> None:
        """The connection is gone."""
        if (address := self._counted(connection)) is None:
            return
        if (left := self._open[address] - 1) > 0:
            self._open[address] = left
        else:
            del self._open[address]

    def _counted(self, connection: Connection) -> str | None:
        client = connection.client
        return None if client is None or self._is_uncounted(client[0]) else network_of(client[0])
