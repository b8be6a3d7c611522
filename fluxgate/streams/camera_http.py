"""HTTP to a camera: what its streams and its single pictures have in common."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import aiohttp
from yarl import URL

from fluxgate.streams.source import SourceTimeoutError, SourceUnavailableError

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 3


def camera_session(
    connect_timeout: float, stall_timeout: float, headers: Sequence[tuple[str, str]] = ()
) -> aiohttp.ClientSession:
    """A session for one camera; use it with `async with`. `stall_timeout`: seconds without a byte."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, connect=connect_timeout, sock_read=stall_timeout),
        trust_env=False,
        auto_decompress=False,
        headers=[("Accept-Encoding", "identity"), ("User-Agent", "fluxgate"), *headers],
    )


async def get(session: aiohttp.ClientSession, address: str) -> aiohttp.ClientResponse:
    """The head of the answer with status 200 to GET; the caller closes it.

    Redirects are followed on the same scheme, host and port only. Raises `SourceUnavailableError` and
    `SourceTimeoutError`.
    """
    try:
        return await _get(session, address)
    except TimeoutError as error:  # first: aiohttp's timeouts are ClientErrors too
        raise SourceTimeoutError("The camera didn't answer in time.") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise SourceUnavailableError("The camera can't be reached.") from error


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
