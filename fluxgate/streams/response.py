"""A broadcast as an HTTP answer: the MJPEG stream for a viewer, one picture as a snapshot.

Raw ASGI: a stream is thousands of sends, and each is one `await send` of bytes shared by all viewers.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from urllib.parse import parse_qs

from fluxgate.errors import BadGatewayError, BadRequestError, ProblemError, UnavailableError, UpstreamTimeoutError
from fluxgate.streams.broadcast import BOUNDARY, DELIMITER, LatestFrameBroadcast
from fluxgate.streams.source import SourceError, SourceFormatError, SourceTimeoutError
from fluxgate.streams.unsent import limit_unsent, transport_of
from fluxgate.types import Receive, Scope, Send

ENDING = 1.0
"""Seconds that a viewer has to take what is on the way to it when the server ends."""

_SHUTTING_DOWN = "The gateway is shutting down."

_STREAM_HEADERS = [
    (b"content-type", f"multipart/x-mixed-replace; boundary={BOUNDARY}".encode("ascii")),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]

ProblemOf = Callable[[SourceError], ProblemError]


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
) -> None:
    """Answer GET or HEAD with the stream until the viewer leaves.

    It ends properly when the server does. A failing source raises `problem(error)`. If that is after the headers, the
    connection must be broken off, so that nobody takes the stream for complete.
    """
    # Two tasks, because a viewer can leave while nothing is being sent, and stall while nothing is received.
    begun, server_ends = asyncio.Event(), asyncio.Event()
    sender = asyncio.ensure_future(_send_stream(broadcast, scope, send, problem, begun))
    watcher = asyncio.ensure_future(_disconnected(receive))
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
        await _end(send)
        return
    for task in ended:
        task.result()


async def _end(send: Send) -> None:
    """The last chunk, for a viewer that takes it; one that stalls is left broken off."""
    try:
        async with asyncio.timeout(ENDING):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except TimeoutError:
        raise UnavailableError(_SHUTTING_DOWN) from None


async def _send_stream(
    broadcast: LatestFrameBroadcast, scope: Scope, send: Send, problem: ProblemOf, begun: asyncio.Event
) -> None:
    try:
        async with broadcast.viewer() as viewer:
            await viewer.wait()
            begun.set()
            await send({"type": "http.response.start", "status": 200, "headers": list(_STREAM_HEADERS)})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
                return
            limit_unsent(scope)
            await send({"type": "http.response.body", "body": DELIMITER, "more_body": True})
            viewer.direct = _direct_writer(scope)
            while True:
                if viewer.direct is not None:
                    # Returns when the last picture has left; by then there may be a newer one.
                    await send({"type": "http.response.body", "body": b"", "more_body": True})
                await send({"type": "http.response.body", "body": viewer.part(), "more_body": True})
                await viewer.wait()
    except SourceError as error:
        raise problem(error) from error


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


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


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
