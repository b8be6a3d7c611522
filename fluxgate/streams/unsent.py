"""Old news keeps out of the buffers between the gateway and a slow client, where the server offers its transport."""

from __future__ import annotations

import asyncio
import socket
import sys

from fluxgate.types import Scope

__all__ = ["UNSENT_LIMIT", "limit_unsent", "transport_of"]

UNSENT_LIMIT = 64 * 1024
"""Bytes that the kernel may hold unsent for a client. With its own default a slow link shows pictures 15 s old."""


def transport_of(scope: Scope) -> asyncio.WriteTransport | None:
    """The client's connection; None where the server doesn't offer it."""
    transport: asyncio.WriteTransport | None = (scope.get("extensions") or {}).get("fluxgate.transport")
    return transport


def limit_unsent(scope: Scope) -> None:
    """Anything unsent holds the next send back: the transport then never has more than one."""
    transport = transport_of(scope)
    if transport is None:
        return
    transport.set_write_buffer_limits(high=0)
    connection = transport.get_extra_info("socket")
    if connection is not None and sys.platform == "linux" and connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_LIMIT)
