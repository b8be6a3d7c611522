"""A FluxPrint service to test against: a real server process, on raw sockets, that can be told to misbehave.

`python -m tests.support.fluxprint --port 0` prints one line, `{"port": …, "control_port": …}`, and serves until it is
terminated. Tests use `running_fluxprint()`. What FluxPrint answers is in `fluxprint_service.py`; here are the bytes.

Control, on either port (the control port answers even while the service is dead):

- `POST /__control {"fault": NAME, "path": PREFIX, "times": N, "delay": S}`: misbehave on requests whose target starts
  with `path` (default: all), `times` times (default: for ever). `{"fault": null}` ends it, `{"reset": true}` also
  forgets requests and state.
- `GET /__requests`: every request so far: method, raw target, raw headers, body length and SHA-256, how request and
  answer ended.

Faults: `slow_headers` (`delay` before the answer), `slow_body` (`delay` between pieces of the answer), `stall_body`
(half an answer, then silence), `silent` (no answer at all), `garbage` (not HTTP), `bad_chunk` (a chunk size that is
none), `html_502`, `html_200`, `empty_204`, `not_found_404`, `error_500` (JSON), `close_before` (as soon as the headers
are read), `close_after` (when the body is read, without an answer), `close_headers` (in the middle of the headers),
`close_body` (in the middle of the body), `reset` (RST), `no_read` (never reads the body), `early_413` (answers before
the body is read), `dead` (stops listening and drops all connections, until `{"fault": null}`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.fluxprint_service import Answer, FluxPrintService
from tests.support.plain import NO_AUTHORITIES

ROOT = Path(__file__).parents[2]
PIECE = 256 * 1024


@dataclass
class Seen:
    """One request, as its bytes came. `request`: `complete` or `broken`; `answer`: `pending`, `complete`, `faulty` or
    `client_gone`.
    """

    method: str
    target: str
    headers: list[tuple[str, str]]
    body_length: int = 0
    body_sha256: str = ""
    body: str = ""
    request: str = "reading"
    answer: str = "pending"


@dataclass
class Fault:
    name: str
    path: str = "/"
    times: int | None = None
    delay: float = 1.0


class Broken(Exception):
    """The peer went away, or sent what isn't HTTP."""


@dataclass
class Request:
    method: str
    target: str
    headers: list[tuple[str, str]]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: Seen
    _digest: Any = field(default_factory=hashlib.sha256)
    _sample: bytearray = field(default_factory=bytearray)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    async def body(self) -> AsyncIterator[bytes]:
        """The body in pieces, counted; raises `Broken` if it ends early."""
        try:
            if (self.header("expect") or "").lower() == "100-continue":
                self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            async for piece in self._pieces():
                self.seen.body_length += len(piece)
                self._digest.update(piece)
                self._sample += piece[: max(0, 4096 - len(self._sample))]
                yield piece
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            self.seen.request = "broken"
            raise Broken from error
        self.seen.request = "complete"
        self.seen.body_sha256 = self._digest.hexdigest()
        self.seen.body = self._sample.decode("latin-1")

    async def _pieces(self) -> AsyncIterator[bytes]:
        if (self.header("transfer-encoding") or "").lower() == "chunked":
            while size := int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16):
                yield await self.reader.readexactly(size)
                await self.reader.readexactly(2)
            while await self.reader.readuntil(b"\r\n") != b"\r\n":
                pass
            return
        left = int(self.header("content-length") or 0)
        while left:
            piece = await self.reader.read(min(left, PIECE))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            yield piece


Misdeed = Callable[[Request], Awaitable[bool]]
"""Does something wrong instead of answering; says whether the connection can still be used."""


class Server:
    """The listeners, the faults, and the record of what came."""

    def __init__(self) -> None:
        self.service = FluxPrintService()
        self.fault: Fault | None = None
        self.seen: list[Seen] = []
        self._connections: set[asyncio.StreamWriter] = set()
        self._listener: asyncio.Server | None = None
        self.port = 0

    async def listen(self, port: int) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", port or self.port, limit=1 << 20)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def die(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for writer in list(self._connections):
            writer.transport.abort()

    async def serve_control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(Broken, ConnectionError, asyncio.IncompleteReadError):
            request = await self._read_head(reader, writer, record=False)
            await self._control(request)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                request = await self._read_head(reader, writer, record=True)
                if request.target.startswith("/__"):
                    await self._control(request)
                elif not await self._answer(request):
                    return
        except (Broken, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _read_head(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, record: bool) -> Request:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        start, *lines = head[:-4].split("\r\n")
        try:
            method, target, _version = start.split(" ")
            headers = [(name, value.strip()) for name, value in (line.split(":", 1) for line in lines)]
        except ValueError as error:
            raise Broken from error
        seen = Seen(method, target, headers)
        if record and not target.startswith("/__"):
            self.seen.append(seen)
        return Request(method, target, headers, reader, writer, seen)

    async def _control(self, request: Request) -> None:
        body = b"".join([piece async for piece in request.body()])
        if request.target == "/__requests":
            answer: Any = [asdict(seen) for seen in self.seen]
        else:
            answer = {"done": True}
            command = json.loads(body)
            if command.get("reset"):
                self.seen.clear()
                self.service = FluxPrintService()
            if "fault" in command or command.get("reset"):
                name = command.get("fault")
                options = {key: command[key] for key in ("path", "times", "delay") if key in command}
                self.fault = Fault(name, **options) if name else None
        request.writer.write(Answer.json(answer).head(close=False) + Answer.json(answer).body)
        await request.writer.drain()
        if self.fault is not None and self.fault.name == "dead":
            await self.die()
        elif self._listener is None:
            await self.listen(self.port)

    def _take_fault(self, target: str) -> Fault | None:
        fault = self.fault
        if fault is None or not target.startswith(fault.path):
            return None
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self.fault = None
        return fault

    async def _answer(self, request: Request) -> bool:
        """Answer one request; False when the connection can't be used again."""
        fault = self._take_fault(request.target)
        name = fault.name if fault else ""
        delay = fault.delay if fault else 0.0
        if name in EARLY:
            request.seen.answer = "faulty"
            return await EARLY[name](request)
        answer = await self.service.answer(
            request.method, request.target, request.header("content-type"), request.body()
        )
        if request.seen.request == "reading":  # the service had no use for the body
            async for _ in request.body():
                pass
        if name in LATE:
            request.seen.answer = "faulty"
            return await LATE[name](request)
        try:
            if name == "slow_headers":
                await self._wait(request, delay)
            await self._send(request, answer, name, delay)
        except (ConnectionError, Broken):
            request.seen.answer = "client_gone"
            raise
        if name in ("stall_body", "close_headers", "close_body"):
            return False
        request.seen.answer = "complete"
        return answer.stream is None and (request.header("connection") or "").lower() != "close"

    async def _send(self, request: Request, answer: Answer, fault: str, delay: float) -> None:
        writer = request.writer
        head = answer.head(close=answer.stream is not None)
        if fault == "close_headers":
            request.seen.answer = "faulty"
            writer.write(head[: len(head) // 2])
            await writer.drain()
            return
        writer.write(head)
        if request.method == "HEAD":
            return
        if answer.stream is not None:
            async for piece in answer.stream:
                writer.write(piece)
                await writer.drain()
                if writer.is_closing() or request.reader.at_eof():
                    raise Broken
            return
        half = len(answer.body) // 2
        if fault in ("stall_body", "close_body"):
            request.seen.answer = "faulty"
            writer.write(answer.body[:half])
            await writer.drain()
            if fault == "stall_body":
                await self._wait(request, 3600)
            return
        if fault == "slow_body":
            for start in range(0, len(answer.body), max(1, len(answer.body) // 4)):
                writer.write(answer.body[start : start + max(1, len(answer.body) // 4)])
                await writer.drain()
                await self._wait(request, delay)
            return
        writer.write(answer.body)
        await writer.drain()

    async def _wait(self, request: Request, delay: float) -> None:
        """Sleep, unless the client goes away first."""
        try:
            async with asyncio.timeout(delay):
                gone = not await request.reader.read(1)
        except TimeoutError:
            return
        if gone:
            raise Broken


async def _hang(request: Request) -> bool:
    """Until the client gives up."""
    while await request.reader.read(PIECE):
        pass
    request.seen.answer = "client_gone"
    return False


async def _no_read(request: Request) -> bool:
    request.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(3600)
    return False


async def _close(request: Request) -> bool:
    return False


async def _reset(request: Request) -> bool:
    sock = request.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    request.writer.transport.abort()
    return False


def _says(data: bytes, *, keep: bool = False) -> Misdeed:
    async def say(request: Request) -> bool:
        request.writer.write(data)
        await request.writer.drain()
        return keep

    return say


_HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
_BOOM = b'{"error": "boom"}'
EARLY: dict[str, Misdeed] = {
    "close_before": _close,
    "reset": _reset,
    "no_read": _no_read,
    "early_413": _says(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
}
LATE: dict[str, Misdeed] = {
    "silent": _hang,
    "close_after": _close,
    "garbage": _says(b"\x00\x16\x03 this is not HTTP\r\n\r\n"),
    "bad_chunk": _says(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,2]\r\nzz\r\n"
    ),
    "html_502": _says(
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b" % (len(_HTML), _HTML),
        keep=True,
    ),
    "html_200": _says(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b" % (len(_HTML), _HTML), keep=True
    ),
    "empty_204": _says(b"HTTP/1.1 204 No Content\r\n\r\n", keep=True),
    "not_found_404": _says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", keep=True),
    "error_500": _says(
        b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        % (len(_BOOM), _BOOM),
        keep=True,
    ),
}


@dataclass
class FluxPrint:
    """A running stand-in, as a test holds it. The calls are synchronous and short."""

    url: str
    control_url: str
    process: subprocess.Popen[bytes]

    def fault(self, name: str | None, **options: Any) -> None:
        """Misbehave from now on; None: behave. Options as in the module's docstring."""
        httpx.post(
            f"{self.control_url}/__control", json={"fault": name, **options}, verify=NO_AUTHORITIES
        ).raise_for_status()

    def reset(self) -> None:
        """Behave, and forget everything."""
        httpx.post(f"{self.control_url}/__control", json={"reset": True}, verify=NO_AUTHORITIES).raise_for_status()

    def requests(self, prefix: str = "/") -> list[Seen]:
        """What came so far, on targets that start with `prefix`."""
        seen = httpx.get(f"{self.control_url}/__requests", verify=NO_AUTHORITIES).raise_for_status().json()
        for one in seen:
            one["headers"] = [(name, value) for name, value in one["headers"]]
        return [Seen(**one) for one in seen if one["target"].startswith(prefix)]

    def kill(self) -> None:
        """SIGKILL: gone in the middle of whatever it did."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def running_fluxprint(port: int = 0) -> Iterator[FluxPrint]:
    """A stand-in in a process of its own, on 127.0.0.1."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.fluxprint", "--port", str(port)], stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no pipe")
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the FluxPrint stand-in ended with {process.wait()}")
        ports = json.loads(line)
        yield FluxPrint(f"http://127.0.0.1:{ports['port']}", f"http://127.0.0.1:{ports['control_port']}", process)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


async def main(port: int) -> None:
    server = Server()
    await server.listen(port)
    control = await asyncio.start_server(server.serve_control, "127.0.0.1", 0)
    ports = {"port": server.port, "control_port": control.sockets[0].getsockname()[1]}
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    await ended.wait()
    control.close()
    await server.die()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(main(parser.parse_args().port))
