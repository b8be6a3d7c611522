"""HTTP to one OctoPrint server: a request becomes an answer or the right `PrinterError`, within bounds of time and
size.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from fluxgate_printing.printers.base import (
    PrinterOfflineError,
    PrinterOutcomeUnknown,
    PrinterRejectedError,
)

MAX_ANSWER = 4 * 1024**2
CHUNK = 256 * 1024
UPLOAD_SILENCE = 60.0  # a Raspberry Pi moves and hashes a large file before it answers

T = TypeVar("T")


class Answer(msgspec.Struct, frozen=True):
    """An answer below 500 that is neither a redirect nor a refused key."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        """2xx"""
        return 200 <= self.status < 300

    @property
    def reason(self) -> str:
        """OctoPrint's own words for an error, cut to a sentence's length."""
        try:
            text = msgspec.json.decode(self.body, type=_ErrorBody).error
        except (msgspec.DecodeError, UnicodeDecodeError):
            text = ""
        return text.strip()[:200] or f"status {self.status}"

    def decode(self, shape: type[T]) -> T:
        """The body as `shape`; anything else is `PrinterRejectedError`."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise PrinterRejectedError("The server's answer isn't OctoPrint's.") from exc


class _ErrorBody(msgspec.Struct, frozen=True):
    error: str = ""


class OctoPrintApi:
    """Requests to the server at `url`.

    `timeout`: seconds for a whole request, of silence for an upload. A given `client` isn't closed.
    """

    def __init__(self, url: str, api_key: str | None, timeout: float, client: httpx.AsyncClient | None = None) -> None:
        self.url = url
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if api_key:
            self._headers["X-Api-Key"] = api_key
        self._has_key = bool(api_key)
        self._timeout = timeout
        self._owns_client = client is None
        self._client = client or httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            # a session cookie would go on to answer for a key that has been withdrawn
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=30),
        )

    async def call(self, method: str, path: str, body: msgspec.Struct | None = None, *, once: bool = False) -> Answer:
        """One request.

        `once`: it must not be carried out twice, so when it left and no answer came it is `PrinterOutcomeUnknown`.
        """
        headers = dict(self._headers)
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = msgspec.json.encode(body)
        # both waits that come before anything is sent end before the deadline does: when it strikes, the request has
        # left
        timeout = httpx.Timeout(self._timeout, connect=self._timeout * 0.4, pool=self._timeout * 0.4)
        request = self._client.build_request(method, self.url + path, headers=headers, content=content, timeout=timeout)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._send(request, once=once)
        except TimeoutError as exc:
            raise _no_answer(once=once) from exc

    async def upload(self, name: str, path: Path) -> Answer:
        """`POST /api/files/local` with the file at `path`, a chunk in memory at a time."""
        boundary = secrets.token_hex(16)
        # filename* alone carries any UTF-8 name unharmed
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="upload.gcode"; '
            f"filename*=UTF-8''{quote(name, safe='')}\r\nContent-Type: application/octet-stream\r\n\r\n"
        ).encode("ascii")
        tail = f"\r\n--{boundary}--\r\n".encode("ascii")
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except OSError as exc:
            raise PrinterRejectedError("The file to print can't be read.") from exc
        with file:
            size = os.fstat(file.fileno()).st_size
            request = self._client.build_request(
                "POST",
                f"{self.url}/api/files/local",
                headers=self._headers
                | {
                    "Content-Type": f"multipart/form-data; boundary={boundary}",
                    "Content-Length": str(len(head) + size + len(tail)),
                },
                content=_parts(head, file, tail),
                timeout=httpx.Timeout(self._timeout, read=max(self._timeout, UPLOAD_SILENCE)),
            )
            try:
                return await self._send(request, once=False)
            except OSError as exc:
                raise PrinterRejectedError("The file to print can't be read.") from exc

    async def _send(self, request: httpx.Request, *, once: bool) -> Answer:
        try:
            response = await self._client.send(request, stream=True, follow_redirects=False)
            try:
                body = await _read(response)
            finally:
                await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            raise PrinterOfflineError("OctoPrint can't be reached.") from exc
        except httpx.TransportError as exc:
            raise _no_answer(once=once) from exc
        status = response.status_code
        # a key that it doesn't know makes OctoPrint take a command for a browser's, which lacks a CSRF token
        if status in {401, 403} or (status == 400 and b"CSRF" in body):
            raise PrinterRejectedError(
                "OctoPrint refuses the API key: it is wrong, or its user may not do this."
                if self._has_key
                else "OctoPrint wants an API key, and none is configured."
            )
        if 300 <= status < 400:
            raise PrinterRejectedError("The server redirects: configure the URL that it leads to.")
        if status == 503:
            raise PrinterOfflineError("OctoPrint isn't ready (503).")
        if status >= 500:
            if once:
                raise PrinterOutcomeUnknown(f"OctoPrint failed on the command ({status}).")
            raise PrinterOfflineError(f"OctoPrint failed ({status}).")
        return Answer(status, body)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._owns_client:
            await self._client.aclose()


def check_url(url: str, setting: str) -> str:
    """`url` normalised; ValueError, naming the setting, unless it is an http(s) URL."""
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL as exc:
        raise ValueError(f"{setting} isn't a URL: {exc}") from exc
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError(f"{setting} must start with http:// or https:// and name a host")
    return str(parsed)


def _no_answer(*, once: bool) -> PrinterOutcomeUnknown | PrinterOfflineError:
    if once:
        return PrinterOutcomeUnknown("The command left, and OctoPrint didn't answer.")
    return PrinterOfflineError("OctoPrint doesn't answer.")


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise PrinterRejectedError("The server's answer is far too large for OctoPrint's.")
    return bytes(body)


async def _parts(head: bytes, file: BinaryIO, tail: bytes) -> AsyncIterator[bytes]:
    yield head
    while chunk := await asyncio.to_thread(file.read, CHUNK):
        yield chunk
    yield tail
