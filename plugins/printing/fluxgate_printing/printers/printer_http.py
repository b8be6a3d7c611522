"""HTTP to one printer's server: a request becomes an answer or the right `PrinterError`, within bounds of time and
size. Each kind of server extends `PrinterHttp` with what its answers mean.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import BinaryIO, ClassVar, TypeVar

import httpx
import msgspec

from fluxgate_printing.printers.base import (
    PrinterError,
    PrinterOfflineError,
    PrinterOutcomeUnknown,
    PrinterRejectedError,
)

MAX_ANSWER = 4 * 1024**2
CHUNK = 256 * 1024
UPLOAD_SILENCE = 60.0  # a Raspberry Pi moves and hashes a large file before it answers

T = TypeVar("T")


class NoAnswerInTime(PrinterOutcomeUnknown):
    """The command left, and the deadline came before an answer; the connection was there until then."""


class Answer(msgspec.Struct, frozen=True):
    """An answer of the server called `server`, which is for the caller to judge."""

    server: str
    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        """2xx"""
        return 200 <= self.status < 300

    def decode(self, shape: type[T]) -> T:
        """The body as `shape`; anything else is `PrinterRejectedError`."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise PrinterRejectedError(f"The server's answer isn't {self.server}'s.") from exc


class PrinterHttp:
    """Requests to the server at `url`.

    `headers`: what each carries besides; `timeout`: seconds for a whole request, of silence for an upload; `auth`: what
    answers a challenge. A given `client` isn't closed.
    """

    server: ClassVar[str]
    """What it is called in errors."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        timeout: float,
        client: httpx.AsyncClient | None = None,
        *,
        auth: httpx.Auth | None = None,
    ) -> None:
        self.url = url
        self.timeout = timeout
        self.auth = auth
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        self._owns_client = client is None
        self._client = client or httpx.AsyncClient(
            trust_env=False,
            verify=_trust(),
            follow_redirects=False,
            # a session cookie would go on to answer for a key that has been withdrawn
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=30),
        )

    def error(self, answer: Answer, *, once: bool) -> PrinterError | None:
        """The error that `answer` is whatever was asked for; None if it is the caller's to judge."""
        if 300 <= answer.status < 400:
            return PrinterRejectedError("The server redirects: configure the URL that it leads to.")
        if answer.status < 500:
            return None
        if once:
            return PrinterOutcomeUnknown(f"{self.server} failed on the command ({answer.status}).")
        return PrinterOfflineError(f"{self.server} failed ({answer.status}).")

    async def call(
        self, method: str, path: str, body: object = None, *, once: bool = False, patience: float = 1.0
    ) -> Answer:
        """One request; `body` is sent as JSON.

        `once`: it must not be carried out twice, so when it left and no answer came it is `PrinterOutcomeUnknown`.
        `patience`: so many times as long as others it may take to be answered.
        """
        headers = dict(self._headers)
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = msgspec.json.encode(body)
        # both waits that come before anything is sent end before the deadline does: when it strikes, the request has
        # left
        seconds = self.timeout * patience
        timeout = httpx.Timeout(seconds, connect=self.timeout * 0.4, pool=self.timeout * 0.4)
        request = self._client.build_request(method, self.url + path, headers=headers, content=content, timeout=timeout)
        try:
            async with asyncio.timeout(seconds):
                return await self._send(request, once=once)
        except TimeoutError as exc:
            raise self._late(once=once) from exc

    async def post_file(self, path: str, disposition: str, file: Path) -> Answer:
        """POST the file as multipart/form-data, a chunk in memory at a time. `disposition`: its parameters after
        `name="file"`."""
        boundary = secrets.token_hex(16)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; {disposition}\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode("ascii")
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return await self.send_file("POST", path, file, headers, head=head, tail=tail)

    async def send_file(
        self, method: str, path: str, file: Path, headers: Mapping[str, str], *, head: bytes = b"", tail: bytes = b""
    ) -> Answer:
        """One request with the file as its body, between `head` and `tail`, a chunk in memory at a time."""
        try:
            opened = await asyncio.to_thread(file.open, "rb")
        except OSError as exc:
            raise PrinterRejectedError("The file to print can't be read.") from exc
        with opened:
            size = len(head) + os.fstat(opened.fileno()).st_size + len(tail)
            request = self._client.build_request(
                method,
                self.url + path,
                headers={**self._headers, **headers, "Content-Length": str(size)},
                content=_parts(head, opened, tail),
                timeout=httpx.Timeout(self.timeout, read=max(self.timeout, UPLOAD_SILENCE)),
            )
            try:
                return await self._send(request, once=False)
            except OSError as exc:
                raise PrinterRejectedError("The file to print can't be read.") from exc

    async def _send(self, request: httpx.Request, *, once: bool) -> Answer:
        try:
            response = await self._client.send(request, auth=self.auth, stream=True, follow_redirects=False)
            try:
                body = await self._read(response)
            finally:
                await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            raise PrinterOfflineError(f"{self.server} can't be reached.") from exc
        except httpx.ReadTimeout as exc:
            raise self._late(once=once) from exc
        except httpx.TransportError as exc:
            if once:
                raise PrinterOutcomeUnknown(f"The command left, and {self.server} didn't answer.") from exc
            raise PrinterOfflineError(f"{self.server} doesn't answer.") from exc
        answer = Answer(self.server, response.status_code, body)
        if (error := self.error(answer, once=once)) is not None:
            raise error
        return answer

    async def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_ANSWER:
                raise PrinterRejectedError(f"The server's answer is far too large for {self.server}'s.")
        return bytes(body)

    def _late(self, *, once: bool) -> PrinterError:
        if once:
            return NoAnswerInTime(f"The command left, and {self.server} didn't answer in time.")
        return PrinterOfflineError(f"{self.server} doesn't answer.")

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


def check_server(server: str, url: str | None, api_key: str | None) -> str:
    """The base URL of a printer's server; ValueError if these can't be its settings. `server`: its kind, for people."""
    if not url:
        raise ValueError(f"{server} printer needs its url")
    if httpx.URL(base := check_url(url, "url")).query:
        raise ValueError("url is the server's base, it has no query")
    if api_key and not (api_key.isascii() and api_key.isprintable()):
        raise ValueError("api_key has characters that no key has")
    return base.rstrip("/")


@cache
def _trust() -> ssl.SSLContext:
    """Whose certificates are believed. One for all printers: to read the list takes 40 ms."""
    return httpx.create_ssl_context(trust_env=False)


async def _parts(head: bytes, file: BinaryIO, tail: bytes) -> AsyncIterator[bytes]:
    if head:
        yield head
    while chunk := await asyncio.to_thread(file.read, CHUNK):
        yield chunk
    if tail:
        yield tail
