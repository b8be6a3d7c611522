"""Live events as server-sent events, on a real socket."""

from __future__ import annotations

import httpx
import pytest

from fluxgate.streams.events import Event, EventHub
from fluxgate.streams.sse import serve_events
from fluxgate.types import Receive, Scope, Send
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


def opening(events: list[Event]) -> bytes:
    return b"%d" % len(events)


async def test_comments_say_that_the_connection_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fluxgate.streams.sse.BEAT", 0.05)
    hub = EventHub()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await serve_events(hub, lambda event: True, opening, scope=scope, receive=receive, send=send)

    seen: list[str] = []
    async with (
        serving(app) as url,
        httpx.AsyncClient(trust_env=False, timeout=10) as client,
        client.stream("GET", url) as answer,
    ):
        async for line in answer.aiter_lines():
            seen.append(line)
            if seen.count(": ") == 2:
                hub.publish("key", "name", b"1")
            if line == "data: 1":
                hub.close()
    assert seen[:5] == ["retry: 2000", "", f"id: {hub.epoch}-0", "event: snapshot", "data: 0"]
    assert "event: name" in seen, "the connection went on after the comments, and ended with the hub"
