"""A listener of live events as an HTTP answer: server-sent events (https://html.spec.whatwg.org/#server-sent-events).

Raw ASGI, for a thousand clients are thousands of sends: an event's bytes are made once for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fluxgate.ending import client_left, end_stream
from fluxgate.errors import UnavailableError
from fluxgate.streams.events import Event, EventHub, Listener, Sees
from fluxgate.streams.unsent import limit_unsent
from fluxgate.types import Receive, Scope, Send

__all__ = ["last_event_id", "serve_events"]

BEAT = 15.0
"""Seconds between comments, which say that the connection lives."""
RETRY = 2000
"""Milliseconds after which a browser that lost the connection comes back."""
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]

Opening = Callable[[list[Event]], bytes]
"""JSON of the first event, `snapshot`: all that is so now. Who comes back gets what has changed, event by event."""


async def serve_events(
    hub: EventHub,
    sees: Sees,
    opening: Opening,
    *,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Answer GET or HEAD with the events until the client leaves, may not have them any more, or the server ends."""
    if scope["method"] == "HEAD":
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    with hub.listen(sees, last_event_id(scope)) as listener:
        sender = asyncio.ensure_future(_send(hub, listener, opening, scope, send))
        watcher = asyncio.ensure_future(client_left(receive))
        on_ending = scope.get("fluxgate.on_ending")
        if on_ending is not None:
            on_ending(listener.close)
        try:
            await asyncio.wait((sender, watcher), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sender.cancel()
            watcher.cancel()
            await asyncio.wait((sender, watcher))
    if sender.cancelled():
        if not watcher.cancelled():
            watcher.result()
        return
    sender.result()


def last_event_id(scope: Scope) -> str | None:
    """What the client has had already."""
    for name, value in scope["headers"]:
        if name == b"last-event-id":
            return str(value, "latin-1")
    return None


async def _send(hub: EventHub, listener: Listener, opening: Opening, scope: Scope, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
    limit_unsent(scope)
    first = await anext(listener, None)
    if first is not None:
        body = _frames(hub, first) if listener.resumed else _frame(hub.id_now, b"snapshot", opening(first))
        await send({"type": "http.response.body", "body": b"retry: %d\n\n" % RETRY + body, "more_body": True})
    beating = asyncio.ensure_future(_beat(send))
    try:
        async for events in listener:
            await send({"type": "http.response.body", "body": _frames(hub, events), "more_body": True})
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
    if not await end_stream(send):
        raise UnavailableError("The gateway is shutting down.")


async def _beat(send: Send) -> None:
    # Whether anything else was sent meanwhile isn't asked: a timeout for each event would cost more than it saves.
    while True:
        await asyncio.sleep(BEAT)
        await send({"type": "http.response.body", "body": b": \n\n", "more_body": True})


def _frames(hub: EventHub, events: list[Event]) -> bytes:
    return b"".join([_frame(hub.id_of(event), event.name.encode(), event.data) for event in events])


def _frame(number: str, name: bytes, data: bytes) -> bytes:
    # JSON has no line ends, so it is one line of data.
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (number.encode("ascii"), name, data)
