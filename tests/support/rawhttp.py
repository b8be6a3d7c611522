"""An upstream that answers exactly the bytes a test wants, right or wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Answer = bytes | None | Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Bytes to answer; None: silence; a function: it writes for itself. Then the connection is closed."""


class RawServer:
    """`url`; `requests`: the heads that came, `received`: bytes of bodies.

    `answers` are by "METHOD /path", else `default`.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[str] = []
        self.received = 0
        self.answers: dict[str, Answer] = {}
        self.default: Answer = json_answer(404, "{}")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.requests.append(head)
            length = next((line for line in head.lower().split("\r\n") if line.startswith("content-length:")), ":0")
            left = int(length.partition(":")[2])
            while left and (chunk := await reader.read(min(left, 65536))):
                left -= len(chunk)
                self.received += len(chunk)
            method, target, _ = head.split(" ", 2)
            answer = self.answers.get(f"{method} {target.partition('?')[0]}", self.default)
            if answer is None:
                await reader.read()
            elif isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def json_answer(status: int, body: str, headers: str = "") -> bytes:
    """A complete answer with a JSON body."""
    content = body.encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n{headers}"
    return head.encode() + b"Connection: close\r\n\r\n" + content


@asynccontextmanager
async def raw_server() -> AsyncIterator[RawServer]:
    """A `RawServer` on a free port."""
    raw = RawServer()
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield raw
    finally:
        server.close()
