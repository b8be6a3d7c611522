"""A source that asks a camera for single pictures, again and again: for cameras that have no stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import aiohttp

from fluxgate.streams.camera_http import camera_session, get
from fluxgate.streams.multipart import MAX_PART
from fluxgate.streams.source import Frame, SourceFormatError, SourceTimeoutError, SourceUnavailableError


@asynccontextmanager
async def open_snapshots(
    url: str, *, fps: float = 1.0, connect_timeout: float = 5.0, stall_timeout: float = 10.0
) -> AsyncIterator[AsyncIterator[Frame]]:
    """The picture at `url`, asked for `fps` times a second, or as often as the camera answers if that is less.

    `stall_timeout`: seconds without a byte. Credentials, redirects and errors as from `open_mjpeg`; what isn't a
    picture, or is larger than a part of a stream may be, is `SourceFormatError`.
    """
    async with camera_session(connect_timeout, stall_timeout) as session, aclosing(_poll(session, url, fps)) as frames:
        yield frames


async def _poll(session: aiohttp.ClientSession, url: str, fps: float) -> AsyncGenerator[Frame, None]:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        yield await _picture(session, url)
        # Not before its time, and without catching up after a delay.
        due = max(due + 1 / fps, loop.time())
        await asyncio.sleep(due - loop.time())


async def _picture(session: aiohttp.ClientSession, url: str) -> Frame:
    response = await get(session, url)
    try:
        content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not content_type.startswith("image/"):
            raise SourceFormatError("The camera's answer isn't a picture.")
        data = bytearray()
        while chunk := await response.content.readany():
            data += chunk
            if len(data) > MAX_PART:
                raise SourceFormatError("The camera's picture is too large.")
    except TimeoutError as error:
        raise SourceTimeoutError("The camera stopped sending.") from error
    except aiohttp.ClientError as error:
        raise SourceUnavailableError("The camera broke off the picture.") from error
    finally:
        response.close()  # unless it was read to its end: then the connection is kept
    if not data:
        raise SourceFormatError("The camera's picture is empty.")
    return Frame(content_type, bytes(data), time.time())
