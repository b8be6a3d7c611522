"""`GET /events`: what is told live, as server-sent events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import cast
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from fluxgate.errors import BadRequestError, UnprocessableError
from fluxgate.plugin import Principal
from fluxgate.streams.events import Event
from fluxgate.streams.sse import serve_events
from fluxgate.types import ASGIApp, Receive, Scope, Send
from fluxgate_printing.api.schemas import EventsQuery
from fluxgate_printing.live import TOPICS, Topic, Wanted
from fluxgate_printing.service import PrintingService

__all__ = ["events", "wanted_by"]


def events(service: Callable[[], PrintingService]) -> ASGIApp:
    """The route as an ASGI app."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        running = service()
        principal: Principal = scope["fluxgate.principal"]
        asked = _query(scope["query_string"])
        wanted = await wanted_by(running, principal, asked)
        sees = await running.live.sees(running.callers, principal, wanted)
        await serve_events(running.live.hub, sees, snapshot, scope=scope, receive=receive, send=send)

    return app


async def wanted_by(service: PrintingService, principal: Principal, asked: EventsQuery) -> Wanted:
    """What a listener asks for. Raises UnprocessableError UNKNOWN_TOPIC, NotFoundError for a printer or project that
    there isn't."""
    topics = _listed(asked.topics)
    if topics is not None and (strange := sorted(topics - TOPICS)):
        known = ", ".join(sorted(TOPICS))
        raise UnprocessableError(f"There is no topic {strange[0]!r}: {known}.", code="UNKNOWN_TOPIC", field="topics")
    printers = _listed(asked.printers)
    for name in printers or ():
        service.station(name)
    project: UUID | None = None
    if asked.project:
        project = await service.callers.project(asked.project, principal, to_print=False)
    return Wanted(
        topics=TOPICS if topics is None else cast("frozenset[Topic]", topics), printers=printers, project=project
    )


def snapshot(told: list[Event]) -> bytes:
    """All of it as one JSON object: `{printers: […], jobs: […], queue: …}`."""
    by_name: dict[str, list[bytes]] = defaultdict(list)
    for event in told:
        by_name[event.name].append(event.data)
    queue = by_name["queue"][0] if by_name["queue"] else b"null"
    return b'{"printers":[%b],"jobs":[%b],"queue":%b}' % (
        b",".join(by_name["printer"]),
        b",".join(by_name["job"]),
        queue,
    )


def _query(text: bytes) -> EventsQuery:
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
        return msgspec.convert(dict(pairs), EventsQuery)
    except (msgspec.ValidationError, ValueError) as error:
        raise BadRequestError(str(error), code="INVALID_REQUEST", field="query") from None


def _listed(text: str | None) -> frozenset[str] | None:
    return frozenset(part.strip() for part in text.split(",") if part.strip()) if text else None
