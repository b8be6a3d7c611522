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
from fluxgate_printing.api.views import job_view, status_view
from fluxgate_printing.service import PrintingService

_encoder = msgspec.json.Encoder()

Read = Callable[[PrintingService, Principal], Awaitable[object]]


async def status(service: PrintingService, _principal: Principal) -> object:
    """`GET /status`: a `StatusView`, with the state's age."""
    return status_view(service.default, service.state())


async def job(service: PrintingService, principal: Principal) -> object:
    """`GET /job`: a `JobView` of what the printer has loaded."""
    return job_view(service.state(), shown=await service.shows_file(principal))


async def temperature(service: PrintingService, _principal: Principal) -> object:
    """`GET /temperature`: `bed`, `tool0`, … in °C."""
    return service.state().temperature


async def camera(service: PrintingService, _principal: Principal) -> object:
    """`GET /camera`: a `CameraView`, from memory."""
    return service.cameras[service.default].view


def served(read: Read, service: Callable[[], PrintingService]) -> ASGIApp:
    """`read` as an ASGI app that answers JSON."""

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, await read(service(), scope["fluxgate.principal"]))

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
