"""A source that reads an MJPEG camera server over HTTP: one GET, one connection, parts as frames."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import aiohttp

from fluxgate.streams.camera_http import camera_session, get
from fluxgate.streams.multipart import MultipartError, MultipartParser, boundary_of
from fluxgate.streams.source import Frame, SourceFormatError, SourceTimeoutError, SourceUnavailableError


@asynccontextmanager
async def open_mjpeg(
    url: str,
    *,
    headers: Sequence[tuple[str, str]] = (),
    connect_timeout: float = 5.0,
    stall_timeout: float = 10.0,
) -> AsyncIterator[AsyncIterator[Frame]]:
    """Frames of the MJPEG stream at `url` (credentials in it are sent as Basic), for the length of the context.

    Redirects are followed on the same scheme, host and port only. `stall_timeout`: seconds without a byte. Raises, on
    entry and while iterating, `SourceUnavailableError` (no connection, a status other than 200, broken off),
    `SourceTimeoutError`, and `SourceFormatError` (not `multipart/*`, or not within `MultipartParser`'s limits).
    """
    async with camera_session(connect_timeout, stall_timeout, headers) as session:
        response = await get(session, url)
        try:
            parser = _parser(response)
            async with aclosing(_read(response, parser)) as frames:
                yield frames
        finally:
            response.close()


def _parser(response: aiohttp.ClientResponse) -> MultipartParser:
    content_type = response.headers.get("Content-Type", "")
    if not content_type.strip().lower().startswith("multipart/"):
        raise SourceFormatError("The camera's answer isn't an MJPEG stream.")
    try:
        return MultipartParser(boundary_of(content_type))
    except MultipartError as error:
        raise SourceFormatError(f"The camera's stream can't be read: {error}") from error


async def _read(response: aiohttp.ClientResponse, parser: MultipartParser) -> AsyncGenerator[Frame, None]:
    try:
        while chunk := await response.content.readany():
            parser.feed(chunk)
            while (part := parser.next_part()) is not None:
                content_type = part.content_type or "image/jpeg"
                if part.data and content_type.startswith("image/"):
                    yield Frame(content_type, part.data, time.time())
    except TimeoutError as error:
        raise SourceTimeoutError("The camera stopped sending.") from error
    except aiohttp.ClientError as error:
        raise SourceUnavailableError("The camera broke off the stream.") from error
    except MultipartError as error:
        raise SourceFormatError(f"The camera's stream can't be read: {error}") from error
