"""A WebSocket to one printer's server, on which JSON comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from fluxgate_printing.printers.base import PrinterOfflineError, PrinterRejectedError

MAX_MESSAGE = 4 * 1024**2

T = TypeVar("T")


class PrinterSocket:
    """One connection to the server that is called `server` in errors. Lost, it raises `PrinterOfflineError`."""

    def __init__(self, server: str, connection: ClientConnection) -> None:
        self._server = server
        self._connection = connection

    async def send(self, message: object) -> None:
        """Send a message."""
        try:
            await self._connection.send(msgspec.json.encode(message), text=True)
        except ConnectionClosed as exc:
            raise self._lost() from exc

    async def receive(self, shape: type[T], wait: float) -> T | None:
        """The next message as `shape`; None if none comes for `wait` seconds. Another shape is
        `PrinterRejectedError`."""
        try:
            async with asyncio.timeout(max(wait, 0)):
                data = await self._connection.recv()
        except TimeoutError:
            return None
        except ConnectionClosed as exc:
            raise self._lost() from exc
        return self.decode(data.encode() if isinstance(data, str) else data, shape)

    def decode(self, data: msgspec.Raw | bytes, shape: type[T]) -> T:
        """Part of a message as `shape`; anything else is `PrinterRejectedError`."""
        try:
            return msgspec.json.decode(data, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise PrinterRejectedError(f"The server's answer isn't {self._server}'s.") from exc

    def _lost(self) -> PrinterOfflineError:
        return PrinterOfflineError(f"The connection to {self._server} was lost.")


@asynccontextmanager
async def printer_socket(server: str, url: str, timeout: float) -> AsyncIterator[PrinterSocket]:
    """A connection to the http(s) `url`. `PrinterOfflineError` if nobody answers, `PrinterRejectedError` if the answer
    isn't a WebSocket. `timeout`: seconds until it is made, and of silence before a ping, and after it, until it counts
    as lost."""
    try:
        connection = await _NoRedirects(
            f"ws{url.removeprefix('http')}",
            open_timeout=timeout,
            ping_interval=timeout,
            ping_timeout=timeout,
            close_timeout=1,
            max_size=MAX_MESSAGE,
            compression=None,
            proxy=None,
        )
    except InvalidStatus as exc:
        if exc.response.status_code >= 500:  # a proxy in front of a server that is down
            raise PrinterOfflineError(f"{server} can't be reached.") from exc
        raise PrinterRejectedError(
            f"{server} doesn't open a WebSocket ({exc.response.status_code}): does a proxy stand in between?"
        ) from exc
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as exc:
        raise PrinterOfflineError(f"{server} can't be reached.") from exc
    try:
        yield PrinterSocket(server, connection)
    finally:
        await connection.close()


class _NoRedirects(connect):
    """What a redirect leads to isn't given a key."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc
