"""What the server and an endpoint agree on when a connection leaves HTTP with a 101.

`scope["fluxgate.switch"]` is there if the request is a WebSocket handshake that the server can switch after, and only
then. An endpoint that doesn't call it answers as to any GET.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable

from fluxgate.types import RawHeaders

__all__ = ["WITHDRAWN", "Switch", "SwitchedProtocol"]

WITHDRAWN = "you may not have this any more"
"""What a caller is told whose connection is ended for that."""


class SwitchedProtocol(asyncio.Protocol):
    """Has the client's connection after the 101, until `wait_closed()` returns. `sent`: bytes that went to the
    client."""

    sent: int

    @abstractmethod
    def shutdown(self) -> None:
        """The server ends: close in the way of the protocol, soon."""

    @abstractmethod
    def withdraw(self) -> None:
        """The caller may not have it any more: the same, saying that."""

    @abstractmethod
    async def wait_closed(self) -> None:
        """Return when the connection is over. Cancelled: the time for ending is over too."""


Switch = Callable[[RawHeaders, SwitchedProtocol], Awaitable[bool]]
"""Answers 101 with these fields, gives the connection to the protocol, with whatever came behind the handshake, and
returns when it is over. False, with nothing done, if the client is gone already."""
