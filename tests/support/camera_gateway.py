"""A process that serves one camera to viewers: `python -m tests.support.camera_gateway URL` prints its port.

For what is measured from outside (memory, CPU). It offers the socket and transport as the gateway's server does.
"""

from __future__ import annotations

import socket
import sys
from typing import cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fluxgate.streams import LatestFrameBroadcast, open_mjpeg, serve_mjpeg
from fluxgate.types import Receive, Scope, Send


class Protocol(HttpToolsProtocol):
    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        scope: Scope = cast("Scope", self.scope)
        scope["extensions"] = {
            **(scope.get("extensions") or {}),
            "fluxgate.transport": self.transport,
        }


def main(url: str) -> None:
    broadcast = LatestFrameBroadcast(lambda: open_mjpeg(url))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await serve_mjpeg(broadcast, scope, receive, send)

    config = uvicorn.Config(
        app,
        port=0,
        lifespan="off",
        http=Protocol,
        loop="uvloop",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup()
            sys.stdout.write(f"{self.servers[0].sockets[0].getsockname()[1]}\n")
            sys.stdout.flush()

    Server(config).run()


if __name__ == "__main__":
    main(sys.argv[1])
