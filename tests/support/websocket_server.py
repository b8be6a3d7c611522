"""A real WebSocket server as a process of its own, by the `websockets` library: what relayed WebSockets are tested
against. The last segment of the path says what it does.

`python -m tests.support.websocket_server` prints its port and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import http
import json
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol


async def talk(connection: ServerConnection) -> None:
    """`echo`, `close-CODE`, `ping`, `said` (how the client before said goodbye)."""
    request = connection.request
    assert request is not None
    what, _, number = request.path.partition("?")[0].rpartition("/")[2].partition("-")
    match what:
        case "close":
            await connection.close(int(number), "as asked")
        case "ping":
            await (await connection.ping(b"are you there"))
            await connection.send("it is")
        case "said":
            await connection.send(json.dumps(_Said.last))
            await connection.close()
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass
    finally:
        await connection.wait_closed()
        if what != "said":
            _Said.last = [connection.close_code, connection.close_reason]


class _Said:
    last: list[object] = []  # noqa: RUF012


def refuse(connection: ServerConnection, request: Request) -> Response | None:
    """`status-CODE` answers the handshake with it."""
    what, _, number = request.path.rpartition("/")[2].partition("-")
    if what == "status":
        answer = connection.respond(http.HTTPStatus(int(number)), "refused by the upstream\n")
        answer.headers["WWW-Authenticate"] = "Basic"
        return answer
    return None


def choose(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The newest of the chat protocols that is offered, if one is."""
    return max((protocol for protocol in offered if protocol in {"chat.v1", "chat.v2"}), default=None)


async def main() -> None:
    """Serve."""
    async with serve(talk, "127.0.0.1", 0, process_request=refuse, select_subprotocol=choose, max_size=None) as server:
        sys.stdout.write(f"{next(iter(server.sockets)).getsockname()[1]}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


class WebSocketServer:
    """The running process. Leaving the context ends it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.websocket_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """End it at once, without a word to its clients."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


if __name__ == "__main__":
    asyncio.run(main())
