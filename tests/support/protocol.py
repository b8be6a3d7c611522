"""Our HTTP protocol with a small ASGI app on a real socket, in the test's own process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from fluxgate.server.protocol import GatewayProtocol
from fluxgate.types import ASGIApp
from tests.support.gateway import wait_for


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def serving(app: ASGIApp, *, grace: int = 5, keep_alive: float = 5, **attributes: object) -> Iterator[int]:
    """The port of `app` on a protocol with these class attributes, in a thread."""
    protocol = type("Protocol", (GatewayProtocol,), attributes)
    config = uvicorn.Config(
        app,
        port=0,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=grace,
        timeout_keep_alive=keep_alive,  # type: ignore[arg-type]
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(15)
        assert not thread.is_alive()
