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
from fluxgate_printing.service import PrintingService

_encoder = msgspec.json.Encoder()

Read = Callable[[PrintingService, Principal, str | None], Awaitable[object]]
"""Of the printer that the path names, or of the default one."""


async def status(service: PrintingService, _principal: Principal, printer: str | None) -> object:
    """`GET /status`: a `StatusView`, with the state's age."""
    return status_view(printer or service.default, service.state(printer))


async def job(service: PrintingService, principal: Principal, printer: str | None) -> object:
    """`GET /job`: a `JobView` of what the printer has loaded."""
    return job_view(service.state(printer), shown=await service.shows_file(principal, printer))


async def temperature(service: PrintingService, _principal: Principal, printer: str | None) -> object:
    """`GET /temperature`: `bed`, `tool0`, … in °C."""
    return service.state(printer).temperature


def served(read: Read, service: Callable[[], PrintingService]) -> ASGIApp:
    """`read` as an ASGI app that answers JSON."""

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        body = _encoder.encode(await read(service(), scope["fluxgate.principal"], scope["path_params"].get(PRINTER)))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return app
