"""HTTP to one PrusaLink server: a request becomes an answer or the right `PrinterError`, within bounds of time and
size.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from fluxgate_printing.printers.base import PrinterOfflineError, PrinterOutcomeUnknown, PrinterRejectedError
from fluxgate_printing.settings import PrusaLinkSettings

MAX_ANSWER = 4 * 1024**2
CHUNK = 256 * 1024
UPLOAD_SILENCE = 60.0  # a Raspberry Pi writes a large file to its card before it answers

T = TypeVar("T")


class PrusaLinkFailedError(PrinterOfflineError):
    """PrusaLink answered 500: it can't be told whether it is of use."""


class Answer(msgspec.Struct, frozen=True):
    """An answer below 500 that is neither a redirect nor refused credentials."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        """2xx"""
        return 200 <= self.status < 300

    @property
    def reason(self) -> str:
        """PrusaLink's own words for an error, cut to a sentence's length."""
        try:
            error = msgspec.json.decode(self.body, type=_ErrorBody)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return f"status {self.status}"
        return (error.text.strip() or error.title.strip())[:200] or f"status {self.status}"

    def decode(self, shape: type[T]) -> T:
        """The body as `shape`; anything else is `PrinterRejectedError`."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise PrinterRejectedError("The server's answer isn't PrusaLink's.") from exc


class _ErrorBody(msgspec.Struct, frozen=True):
    title: str = ""
    text: str = ""


class PrusaLinkApi:
    """Requests to the server at `url`, with the settings' key, or their user by HTTP Digest.

    Their `timeout`: seconds for a whole request, of silence for an upload. A given `client` isn't closed.
    """

    def __init__(self, url: str, settings: PrusaLinkSettings, client: httpx.AsyncClient | None = None) -> None:
        self._url = url
        # without it errors are plain text
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        self._credentials = "the API key" if settings.api_key else "the user name or the password"
        self._auth: httpx.DigestAuth | None = None
        if settings.api_key:
            self._headers["X-Api-Key"] = settings.api_key
        elif settings.username and settings.password:
            self._auth = httpx.DigestAuth(settings.username, settings.password)
        else:
            self._credentials = ""
        self._timeout = settings.timeout
        self._owns_client = client is None
        self._client = client or httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=30),
        )

    async def call(self, method: str, path: str, *, once: bool = False) -> Answer:
        """One request.

        `once`: it must not be carried out twice, so when it left and no answer came it is `PrinterOutcomeUnknown`.
        """
        # both waits that come before anything is sent end before the deadline does: when it strikes, the request has
        # left
        timeout = httpx.Timeout(self._timeout, connect=self._timeout * 0.4, pool=self._timeout * 0.4)
        request = self._client.build_request(method, self._url + path, headers=self._headers, timeout=timeout)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._send(request, once=once)
        except TimeoutError as exc:
            raise _no_answer(once=once) from exc

    async def upload(self, name: str, path: Path) -> Answer:
        """`PUT` the file at `path`, a chunk in memory at a time; it replaces one of that name, and isn't printed."""
        if self._auth is not None:
            # the body can't be sent twice, so the server's challenge is fetched, fresh, by a request that has none
            await self.call("GET", "/api/version")
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except OSError as exc:
            raise PrinterRejectedError("The file to print can't be read.") from exc
        with file:
            request = self._client.build_request(
                "PUT",
                self._url + file_path(name),
                headers=self._headers
                | {
                    # application/octet-stream would have it look for the file before it is there, and fail
                    "Content-Type": "text/x.gcode",
                    "Content-Length": str(os.fstat(file.fileno()).st_size),
                    "Overwrite": "?1",
                    "Print-After-Upload": "?0",
                },
                content=_chunks(file),
                timeout=httpx.Timeout(self._timeout, read=max(self._timeout, UPLOAD_SILENCE)),
            )
            try:
                return await self._send(request, once=False)
            except OSError as exc:
                raise PrinterRejectedError("The file to print can't be read.") from exc

    async def _send(self, request: httpx.Request, *, once: bool) -> Answer:
        try:
            response = await self._client.send(request, auth=self._auth, stream=True, follow_redirects=False)
            try:
                body = await _read(response)
            finally:
                await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            raise PrinterOfflineError("PrusaLink can't be reached.") from exc
        except (httpx.TransportError, httpx.StreamError) as exc:
            raise _no_answer(once=once) from exc
        except (KeyError, ValueError, NotImplementedError) as exc:  # a Digest challenge of another kind
            raise PrinterRejectedError("The server's way to log in isn't PrusaLink's.") from exc
        status = response.status_code
        if status in {401, 403}:
            raise PrinterRejectedError(
                f"PrusaLink refuses {self._credentials}."
                if self._credentials
                else "PrusaLink wants an API key, or a user name and password, and none is configured."
            )
        if 300 <= status < 400:
            raise PrinterRejectedError("The server redirects: configure the URL that it leads to.")
        if status == 503:
            raise PrinterOfflineError("PrusaLink isn't ready (503).")
        if status >= 500:
            if once:
                raise PrinterOutcomeUnknown(f"PrusaLink failed on the command ({status}).")
            raise PrusaLinkFailedError(f"PrusaLink failed ({status}).")
        return Answer(status, body)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._owns_client:
            await self._client.aclose()


def file_path(name: str) -> str:
    """The route of a file on PrusaLink's own storage."""
    return f"/api/v1/files/local/{quote(name, safe='')}"


def _no_answer(*, once: bool) -> PrinterOutcomeUnknown | PrinterOfflineError:
    if once:
        return PrinterOutcomeUnknown("The command left, and PrusaLink didn't answer.")
    return PrinterOfflineError("PrusaLink doesn't answer.")


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise PrinterRejectedError("The server's answer is far too large for PrusaLink's.")
    return bytes(body)


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, CHUNK):
        yield chunk
