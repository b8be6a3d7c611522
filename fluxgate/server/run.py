"""uvicorn, configured for the gateway: says where it listens, and ends in order on SIGTERM: first readiness says so,
then nothing new is taken and what runs is finished, then the plugins stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, cast

import uvicorn

from fluxgate.address import ClientAddress
from fluxgate.server.addresses import Addresses
from fluxgate.server.pace import Pace
from fluxgate.server.protocol import GatewayProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

    from fluxgate.app import Gateway
    from fluxgate.settings import GatewaySettings


logger = logging.getLogger("fluxgate.server")


class GatewayServer(uvicorn.Server):
    """uvicorn, telling when it listens, and asleep until it is told to end.

    Told so, it calls `on_ending`, goes on for `drain_delay` seconds, and then takes nothing more. Told twice, it ends
    at once.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        on_listening: Callable[[str, int], None],
        *,
        on_ending: Callable[[], None] = lambda: None,
        drain_delay: float = 0.0,
    ) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told_to_exit = asyncio.Event()
        self._told_again = asyncio.Event()
        self._should_exit = False
        super().__init__(config)
        self._on_listening = on_listening
        self._on_ending = on_ending
        self._drain_delay = drain_delay

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
        self._on_ending()
        if self._drain_delay and not self.force_exit:
            logger.info("ending: for %g s requests are still taken", self._drain_delay)
            cast("type[GatewayProtocol]", self.config.http_protocol_class).draining = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._drain_delay):
                    await self._told_again.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal ends the server in order, the second one at once."""
        if self._should_exit:
            self.force_exit = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._told_again.set)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, let what runs finish, then stop the app."""
        await super().shutdown(sockets)
        if self.force_exit:
            # uvicorn leaves the app as it is then; its plugins get the chance to let their printers go.
            for task in self.server_state.tasks:
                task.cancel()
            await self.lifespan.shutdown()

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
            "draining": False,
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
    return GatewayServer(config, on_listening, on_ending=app.begin_ending, drain_delay=settings.drain_delay)
