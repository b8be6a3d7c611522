"""uvicorn, configured for the gateway: says where it listens, ends with 0 on SIGTERM."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import uvicorn

from fluxgate.clientaddress import ClientAddress
from fluxgate.server.addresses import Addresses
from fluxgate.server.pace import Pace
from fluxgate.server.protocol import GatewayProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

    from fluxgate.app import Gateway
    from fluxgate.settings import GatewaySettings


class GatewayServer(uvicorn.Server):
    """uvicorn, telling when it listens, and asleep until it is told to end."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[str, int], None]) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told_to_exit = asyncio.Event()
        self._should_exit = False
        super().__init__(config)
        self._on_listening = on_listening

    @property
    def should_exit(self) -> bool:
        """Set it, from any thread or a signal handler, to end the server."""
        return self._should_exit

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self._should_exit = value
        if value and self._loop is not None:
            self._loop.call_soon_threadsafe(self._told_to_exit.set)

    async def main_loop(self) -> None:
        """Wait for the end. uvicorn looks ten times a second, for the sake of options that aren't used here: that is
        a good
        part of what a camera with fifty viewers costs."""
        self._loop = asyncio.get_running_loop()
        if not self._should_exit:
            await self._told_to_exit.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the server in order; unlike uvicorn, which then dies of the signal, the process
        exits with 0."""
        previous = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then report the address: a port of 0 is only known now."""
        await super().startup(sockets)
        for server in getattr(self, "servers", ()):
            for listener in server.sockets:
                host, port = listener.getsockname()[:2]
                self._on_listening(host, port)
                return


def make_server(app: Gateway, settings: GatewaySettings, on_listening: Callable[[str, int], None]) -> GatewayServer:
    """A server for `app` as the settings say; `run()` it, or `await serve()`."""
    limits = app.settings.limits
    protocol = type(
        "ConfiguredProtocol",
        (GatewayProtocol,),
        {
            "max_head": settings.max_header_bytes,
            "max_target": limits.max_target_bytes,
            "max_fields": limits.max_fields,
            "max_connections": settings.max_connections,
            "head_timeout": limits.head_timeout,
            "pace": Pace(limits.min_upload_rate, limits.min_download_rate, limits.slow_grace),
            "addresses": Addresses(
                limits.max_connections_per_address, ClientAddress(settings.trusted_proxies).is_trusted
            ),
        },
    )
    config = uvicorn.Config(
        cast("ASGI3Application", app),
        host=settings.host,
        port=settings.port,
        http=protocol,
        ws="none",
        loop="auto",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        # uvicorn says int, and hands it to the event loop, which takes any number
        timeout_keep_alive=cast("int", limits.keepalive_timeout),
        timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout),
        backlog=2048,
    )
    return GatewayServer(config, on_listening)
