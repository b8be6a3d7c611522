"""A source that reads an MJPEG camera server over HTTP: one GET, one connection, parts as frames."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus

import aiohttp
from yarl import URL

from fluxgate.streams.multipart import MultipartError, MultipartParser, boundary_of
from fluxgate.streams.source import Frame, SourceFormatError, SourceTimeoutError, SourceUnavailableError

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 3


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
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, connect=connect_timeout, sock_read=stall_timeout),
        trust_env=False,
        auto_decompress=False,
        headers=[("Accept-Encoding", "identity"), ("User-Agent", "fluxgate"), *headers],
    ) as session:
        try:
            response = await _get(session, url)
        except TimeoutError as error:  # first: aiohttp's timeouts are ClientErrors too
            raise SourceTimeoutError("The camera didn't answer in time.") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SourceUnavailableError("The camera can't be reached.") from error
        try:
            parser = _parser(response)
            async with aclosing(_read(response, parser)) as frames:
                yield frames
        finally:
            response.close()


async def _get(session: aiohttp.ClientSession, address: str) -> aiohttp.ClientResponse:
    url = URL(address)
    for _ in range(_MAX_REDIRECTS + 1):
        response = await session.get(url, allow_redirects=False)
        if response.status == HTTPStatus.OK:
            return response
        response.close()
        if response.status not in _REDIRECTS:
            raise SourceUnavailableError(f"The camera answered with status {response.status}.")
        target = url.join(URL(response.headers.get("Location", "")))
        if target.origin() != url.origin():
            raise SourceUnavailableError("The camera redirects to another server.")
        url = target.with_user(url.user).with_password(url.password)
    raise SourceUnavailableError("The camera redirects in a circle.")


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
