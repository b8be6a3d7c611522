"""How an answer without an end of its own comes to one: its client leaves, or the server ends."""

from __future__ import annotations

import asyncio

from fluxgate.types import Receive, Send

__all__ = ["client_left", "end_stream"]

ENDING = 1.0
"""Seconds that a client has to take what is on the way to it when the server ends."""


async def client_left(receive: Receive) -> None:
    """Return when the client is gone; whatever it sends is passed over."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def end_stream(send: Send) -> bool:
    """The last chunk, for a client that takes it. False: it stalls, and is to be left broken off."""
    try:
        async with asyncio.timeout(ENDING):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except TimeoutError:
        return False
    return True
