"""The reads that dashboards poll: answered from the supervisor's memory, as raw ASGI apps, because they are the
hottest routes there are.

A Litestar handler would cost three times as much for the same bytes (benchmarks/README.md). An offline printer is a
state here, not an error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from fluxgate.plugin import Principal
from fluxgate.types import ASGIApp, Receive, Scope, Send
from fluxgate_printing.access import PRINTER
from fluxgate_printing.api.views import job_view, status_view
from fluxgate_printing.printers.supervisor import age
from fluxgate_printing.service import PrintingService

_encoder = msgspec.json.Encoder()
_LONGEST = 2**31
"""Seconds that `Age` can say (RFC 9111 §1.2.2); a printer that was never seen has none."""

Read = Callable[[PrintingService, Principal, str | None], Awaitable[tuple[object, str]]]
"""What a printer tells, the one that the path names or the default one, and what names this version of it."""


async def status(service: PrintingService, _principal: Principal, printer: str | None) -> tuple[object, str]:
    """`GET /status`: a `StatusView`, with the state's age."""
    supervisor = service.supervisor(printer)
    return status_view(supervisor.name, supervisor.state), supervisor.version


async def job(service: PrintingService, principal: Principal, printer: str | None) -> tuple[object, str]:
    """`GET /job`: a `JobView` of what the printer has loaded."""
    shown = await service.shows_file(principal, printer)
    supervisor = service.supervisor(printer)
    return job_view(supervisor.state, shown=shown), f"{supervisor.version}-{shown:d}"


async def temperature(service: PrintingService, _principal: Principal, printer: str | None) -> tuple[object, str]:
    """`GET /temperature`: `bed`, `tool0`, … in °C."""
    supervisor = service.supervisor(printer)
    return supervisor.state.temperature, supervisor.version


def served(read: Read, service: Callable[[], PrintingService]) -> ASGIApp:
    """`read` as an ASGI app that answers JSON."""

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        running, printer = service(), scope["path_params"].get(PRINTER)
        told, version = await read(running, scope["fluxgate.principal"], printer)
        etag = b'W/"%b"' % version.encode("ascii")
        seconds = age(running.state(printer))
        headers = [(b"cache-control", b"private, no-cache"), (b"etag", etag)]
        if seconds < _LONGEST:
            headers.append((b"age", b"%d" % seconds))
        if any(name == b"if-none-match" and etag in value for name, value in scope["headers"]):
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        body = _encoder.encode(told)
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def answer(send: Send, content: object) -> None:
    """`content` as a JSON answer."""
    body = _encoder.encode(content)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
