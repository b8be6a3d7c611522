"""A broadcast as an HTTP answer: the MJPEG stream for a viewer, one picture as a snapshot.

Raw ASGI: a stream is thousands of sends, and each is one `await send` of bytes shared by all viewers.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import NoReturn
from urllib.parse import parse_qs

from fluxgate.ending import client_left, end_stream
from fluxgate.errors import BadGatewayError, BadRequestError, ProblemError, UnavailableError, UpstreamTimeoutError
from fluxgate.streams.broadcast import BOUNDARY, DELIMITER, LatestFrameBroadcast, Viewer, part_of
from fluxgate.streams.source import Frame, SourceError, SourceFormatError, SourceTimeoutError
from fluxgate.streams.unsent import limit_unsent, transport_of
from fluxgate.types import Receive, Scope, Send

LEAST_FPS, MOST_FPS = 1.0, 30.0

AWAY_EVERY = 1.0
"""Seconds between the pictures that stand in for a source that is away."""

REOPEN_AFTER = 2.0
"""Seconds after which a source that failed is tried again for a viewer who stays."""

_SHUTTING_DOWN = "The gateway is shutting down."

_STREAM_HEADERS = [
    (b"content-type", f"multipart/x-mixed-replace; boundary={BOUNDARY}".encode("ascii")),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]

ProblemOf = Callable[[SourceError], ProblemError]

PlaceholderOf = Callable[[SourceError], Awaitable[Frame]]
"""The picture that says why there is none; asked once a second and viewer."""


def problem_of(error: SourceError) -> ProblemError:
    """The answer to a source's failure: 504, 502 or 503."""
    if isinstance(error, SourceTimeoutError):
        return UpstreamTimeoutError(str(error))
    if isinstance(error, SourceFormatError):
        return BadGatewayError(str(error), code="UPSTREAM_MALFORMED")
    return UnavailableError(str(error), retry_after=5)


async def serve_mjpeg(
    broadcast: LatestFrameBroadcast,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    problem: ProblemOf = problem_of,
    placeholder: PlaceholderOf | None = None,
) -> None:
    """Answer GET or HEAD with the stream until the viewer leaves. `?fps=` is the most pictures a second that it wants,
    1 to 30: it gets the latest when the next is due.

    It ends properly when the server does. A failing source raises `problem(error)`. If that is after the headers, the
    connection must be broken off, so that nobody takes the stream for complete; unless there is a `placeholder`: that
    is sent each second, until the source gives pictures again. Raises `BadRequestError` for another `fps`.
    """
    stream = _Stream(broadcast, scope, send, _interval(scope), placeholder)
    # Two tasks, because a viewer can leave while nothing is being sent, and stall while nothing is received.
    begun, server_ends = asyncio.Event(), asyncio.Event()
    sender = asyncio.ensure_future(stream.run(problem, begun))
    watcher = asyncio.ensure_future(client_left(receive))
    on_ending = scope.get("fluxgate.on_ending")
    if on_ending is not None:

        def end() -> None:
            server_ends.set()
            sender.cancel()

        on_ending(end)
    try:
        ended, _ = await asyncio.wait((sender, watcher), return_when=asyncio.FIRST_COMPLETED)
    finally:
        sender.cancel()
        watcher.cancel()
        await asyncio.wait((sender, watcher))
    if server_ends.is_set() and sender.cancelled():
        if not begun.is_set():
            raise UnavailableError(_SHUTTING_DOWN, retry_after=1)
        if not await end_stream(send):
            raise UnavailableError(_SHUTTING_DOWN)
        return
    for task in ended:
        task.result()


class _Stream:
    """What is sent to one viewer; `interval`: the least seconds between two pictures."""

    def __init__(
        self,
        broadcast: LatestFrameBroadcast,
        scope: Scope,
        send: Send,
        interval: float,
        placeholder: PlaceholderOf | None,
    ) -> None:
        self._broadcast = broadcast
        self._scope = scope
        self._send = send
        self._interval = interval
        self._placeholder = placeholder

    async def run(self, problem: ProblemOf, begun: asyncio.Event) -> None:
        """Send until cancelled. `begun` is set when there is a first picture."""
        try:
            async with self._broadcast.viewer(paced=self._interval > 0) as viewer:
                await viewer.wait()
                begun.set()
                await self._send({"type": "http.response.start", "status": 200, "headers": list(_STREAM_HEADERS)})
                if self._scope["method"] == "HEAD":
                    await self._send({"type": "http.response.body", "body": b""})
                    return
                limit_unsent(self._scope)
                await self._body(DELIMITER)
                await self._pictures(viewer)
        except SourceError as error:
            reason = error
        while self._placeholder is not None and begun.is_set() and not self._broadcast.closed:
            reason = await self._stand_in(self._placeholder, reason)
        raise problem(reason) from reason

    async def _pictures(self, viewer: Viewer) -> NoReturn:
        """Send what comes, after a `wait` of the viewer, until the source fails."""
        loop = asyncio.get_running_loop()
        viewer.direct = _direct_writer(self._scope) if not self._interval else None
        due = loop.time()
        while True:
            if viewer.direct is not None:
                # Returns when the last picture has left; by then there may be a newer one.
                await self._body(b"")
            await self._body(viewer.part())
            if self._interval:
                due = max(due + self._interval, loop.time())
                await asyncio.sleep(due - loop.time())
            await viewer.wait()

    async def _stand_in(self, placeholder: PlaceholderOf, reason: SourceError) -> SourceError:
        """Placeholders, then pictures once they come again; returns why those have ended."""
        for _ in range(round(REOPEN_AFTER / AWAY_EVERY)):
            await self._body(part_of(await placeholder(reason)))
            await asyncio.sleep(AWAY_EVERY)
        try:
            async with self._broadcast.viewer(paced=self._interval > 0) as viewer:
                while True:
                    try:
                        async with asyncio.timeout(AWAY_EVERY):
                            await viewer.wait()
                        break
                    except TimeoutError:
                        await self._body(part_of(await placeholder(reason)))
                await self._pictures(viewer)
        except SourceError as error:
            return error

    async def _body(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})


def _interval(scope: Scope) -> float:
    """Seconds between two pictures that `?fps=` asks for; 0: as they come."""
    wanted = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("fps")
    if wanted is None:
        return 0.0
    try:
        fps = float(wanted[-1])
    except ValueError:
        fps = 0.0
    if not LEAST_FPS <= fps <= MOST_FPS:
        raise BadRequestError("`fps` is a number from 1 to 30.", code="INVALID_FPS", field="fps")
    return 1 / fps


async def serve_snapshot(
    broadcast: LatestFrameBroadcast,
    scope: Scope,
    send: Send,
    *,
    timeout: float = 10.0,
    problem: ProblemOf = problem_of,
) -> None:
    """Answer GET or HEAD with one picture, at most two seconds old; `?format=base64` gives it as base64 text.

    Raises `problem(error)` if there is none within `timeout` seconds, `BadRequestError` for another format.
    """
    form = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("format", ["jpeg"])[-1]
    if form not in {"jpeg", "base64"}:
        raise BadRequestError("The format is `jpeg` or `base64`.", code="INVALID_FORMAT", field="format")
    try:
        frame = await broadcast.latest(timeout)
    except SourceError as error:
        raise problem(error) from error
    body, content_type = frame.data, frame.content_type.encode("latin-1")
    if form == "base64":
        body, content_type = base64.b64encode(body), b"text/plain; charset=us-ascii"
    headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-timestamp", b"%.6f" % frame.timestamp),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _direct_writer(scope: Scope) -> Callable[[bytes], bool] | None:
    """Writes a chunk straight to the server's transport if that is idle; None where the server offers none.

    Waking a task for each viewer and frame to `await send` costs as much as the kernel does for sending the frame. An
    HTTP/1.1 answer without a length is sent in chunks, so that whole chunks can be written between two sends.
    """
    transport = transport_of(scope)
    if transport is None or scope["http_version"] != "1.1":
        return None
    is_closing, unsent, write = transport.is_closing, transport.get_write_buffer_size, transport.write
    answer = scope.get("fluxgate.answer")

    def write_chunk(chunk: bytes) -> bool:
        if unsent():
            return False
        if not is_closing():
            write(chunk)
            if answer is not None:
                answer.sent += len(chunk)
        return True

    return write_chunk
