"""What is told live: `GET /events` as server-sent events, `/ws` as a WebSocket's messages."""

from __future__ import annotations

import asyncio
import functools
from collections import defaultdict
from collections.abc import Callable
from typing import cast
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from fluxgate.errors import BadRequestError, ProblemError, UnprocessableError
from fluxgate.plugin import Principal, SocketApp, WebSocket
from fluxgate.streams.events import Event, Listener
from fluxgate.streams.sse import serve_events
from fluxgate.streams.websocket import ClosedError
from fluxgate.types import ASGIApp, Receive, Scope, Send
from fluxgate_printing.api.schemas import EventsQuery
from fluxgate_printing.live import TOPICS, Live, Topic, Wanted
from fluxgate_printing.service import PrintingService

__all__ = ["events", "socket"]

POLICY_VIOLATION = 1008


def events(service: Callable[[], PrintingService]) -> ASGIApp:
    """The route as an ASGI app."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        running = service()
        principal: Principal = scope["fluxgate.principal"]
        asked = _query(scope["query_string"])
        wanted = await _wanted_by(running, principal, asked)
        sees = await running.live.sees(running.callers, principal, wanted)
        hub, listed = running.live.hub, functools.partial(snapshot, running.live)
        await serve_events(hub, sees, listed, scope=scope, receive=receive, send=send)

    return app


def socket(service: Callable[[], PrintingService]) -> SocketApp:
    """The route as an app for a `SocketRoute`. It begins with what the query asks for; each `EventsQuery` that the
    client sends begins anew."""

    async def app(scope: Scope, client: WebSocket) -> None:
        session = _Session(service(), client, scope["fluxgate.principal"])
        try:
            await session.run(_query(scope["query_string"]))
        except ProblemError as problem:
            await session.complain(problem)
            client.close(POLICY_VIOLATION, problem.problem_code)

    return app


class _Session:
    """One client of the WebSocket."""

    def __init__(self, service: PrintingService, client: WebSocket, principal: Principal) -> None:
        self._service = service
        self._client = client
        self._principal = principal
        self._listener: Listener | None = None

    async def run(self, first: EventsQuery) -> None:
        """Tell, until the client leaves or the server ends. Raises what is wrong with the first question."""
        await self._listen(first)
        reading = asyncio.create_task(self._read(), name="what a WebSocket asks for")
        try:
            while (listener := self._listener) is not None:
                await self._tell(listener)
                if self._listener is listener:
                    return
        finally:
            self._leave()
            reading.cancel()
            await asyncio.wait({reading})

    async def complain(self, problem: ProblemError) -> None:
        """Tell the client what is wrong with what it asks for."""
        body = {"type": "error", "code": problem.problem_code, "message": problem.message}
        await self._client.send_text(msgspec.json.encode(body))

    async def _tell(self, listener: Listener) -> None:
        hub = self._service.live.hub
        async for events in listener:
            if listener.told_before:
                for event in events:
                    await self._client.send_text(_message(event.name, hub.id_of(event), event.data))
            else:
                await self._client.send_text(_message("snapshot", hub.id_now, snapshot(self._service.live, events)))

    async def _read(self) -> None:
        try:
            while True:
                message = await self._client.receive()
                try:
                    await self._listen(msgspec.json.decode(message, type=EventsQuery))
                except msgspec.DecodeError as error:
                    await self.complain(BadRequestError(str(error), code="INVALID_REQUEST"))
                except ProblemError as problem:
                    await self.complain(problem)
        except ClosedError:
            self._leave()

    async def _listen(self, asked: EventsQuery) -> None:
        live = self._service.live
        wanted = await _wanted_by(self._service, self._principal, asked)
        sees = await live.sees(self._service.callers, self._principal, wanted)
        before, self._listener = self._listener, live.hub.listen(sees)
        if before is not None:
            before.close()

    def _leave(self) -> None:
        if self._listener is not None:
            self._listener.close()


def _message(name: str, number: str, data: bytes) -> bytes:
    return b'{"type":"%b","id":"%b","data":%b}' % (name.encode("ascii"), number.encode("ascii"), data)


async def _wanted_by(service: PrintingService, principal: Principal, asked: EventsQuery) -> Wanted:
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


def snapshot(live: Live, told: list[Event]) -> bytes:
    """All of it as one JSON object: `{printers: […], jobs: […], queue: …}`, the printers in the order of `GET
    /printers`."""
    by_name: dict[str, list[bytes]] = defaultdict(list)
    for event in live.in_order(told):
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
