"""What OctoPrint tells by itself, over its WebSocket.

A frame is taken at its word for how far a print is and how warm things are. When it speaks of another state or another
file than the last one did, OctoPrint is asked by REST: around a change its parts speak of different moments, and a
finished print must not look like a cancelled one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.base import PrinterRejectedError
from fluxgate_printing.printers.octoprint_api import OctoPrintApi, reason
from fluxgate_printing.printers.octoprint_state import Frame, same_moment, updated_state
from fluxgate_printing.printers.printer_socket import printer_socket

LOOK_EVERY = 5.0
"""Seconds without a frame after which it is asked."""
LOG_IN_AGAIN_AFTER = 0.5  # seconds; should OctoPrint not be content with it, it isn't asked in a tight loop
# sent before the authentication, which would be followed by three hundred lines of the printer's log otherwise
SUBSCRIBE = {"subscribe": {"state": {"logs": False, "messages": False}, "plugins": [], "events": []}}


class _Message(msgspec.Struct, frozen=True, rename="camel"):
    """One of many kinds; these are of interest."""

    current: Frame | None = None
    reauth_required: dict[str, object] | None = None


class _Login(msgspec.Struct, frozen=True):
    name: str
    session: str


async def watch(api: OctoPrintApi, read_state: Callable[[], Awaitable[PrinterState]]) -> AsyncIterator[PrinterState]:
    """The states of the printer, as `PrinterDriver.watch` says. `read_state` asks by REST."""
    login = await _log_in(api)
    async with printer_socket("OctoPrint", f"{api.url}/sockjs/websocket", api.timeout) as socket:
        await socket.send(SUBSCRIBE)
        await socket.send(login)
        shown = await read_state()
        yield shown
        told = time.monotonic()
        while True:
            message = await socket.receive(_Message, told + LOOK_EVERY - time.monotonic())
            if message is None:
                shown = await read_state()
            elif message.reauth_required is not None:
                await asyncio.sleep(LOG_IN_AGAIN_AFTER)
                await socket.send(await _log_in(api))
                continue
            elif message.current is None:
                continue
            elif same_moment(message.current, shown):
                shown = updated_state(message.current, shown, time.time())
            else:
                shown = await read_state()
            yield shown
            told = time.monotonic()


async def _log_in(api: OctoPrintApi) -> dict[str, str]:
    """What authenticates the socket: the API key doesn't."""
    answer = await api.call("POST", "/api/login", {"passive": True})
    if not answer.ok:
        raise PrinterRejectedError(f"OctoPrint refused: {reason(answer)}")
    login = answer.decode(_Login)
    return {"auth": f"{login.name}:{login.session}"}
