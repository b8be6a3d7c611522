"""An upstream's pool behind httpx's API: what plugins call services with, on the same connections as their proxy
routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx

from fluxgate.proxy.failures import (
    ClosedError,
    ConnectError,
    ConnectTimeout,
    MalformedError,
    PoolTimeout,
    ReadTimeout,
    UnhealthyError,
    UpstreamError,
    WriteTimeout,
)
from fluxgate.proxy.http1 import ResponseHead, UpstreamConnection
from fluxgate.proxy.outcomes import IDEMPOTENT
from fluxgate.proxy.pool import Pool

_ERRORS: tuple[tuple[type[UpstreamError], type[httpx.TransportError]], ...] = (
    (ConnectError, httpx.ConnectError),
    (ConnectTimeout, httpx.ConnectTimeout),
    (PoolTimeout, httpx.PoolTimeout),
    (ReadTimeout, httpx.ReadTimeout),
    (WriteTimeout, httpx.WriteTimeout),
    (MalformedError, httpx.RemoteProtocolError),
    (UnhealthyError, httpx.ConnectError),
)


class PooledTransport(httpx.AsyncBaseTransport):
    """httpx transport over a `Pool`. Requests must go to the pool's own upstream; others raise
    `httpx.UnsupportedProtocol`.

    Connect and pool timeouts are the upstream's; read and write timeouts are the request's.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._origin = httpx.URL(pool.upstream.url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Part of httpx.AsyncBaseTransport."""
        url = request.url
        if (url.scheme, url.host, url.port) != (self._origin.scheme, self._origin.host, self._origin.port):
            raise httpx.UnsupportedProtocol(f"this client only reaches upstream {self._pool.upstream.name!r}")
        timeout = request.extensions.get("timeout", {})
        read = timeout.get("read") or self._pool.upstream.read_timeout
        write = timeout.get("write") or self._pool.upstream.write_timeout
        try:
            try:
                return await self._attempt(request, read, write, fresh=False)
            except ClosedError as error:
                # A kept connection may have been closed just as it was taken.
                if not error.before_answer or request.method not in IDEMPOTENT or _has_body(request):
                    raise
                return await self._attempt(request, read, write, fresh=True)
        except UpstreamError as error:
            raise _translate(error, request) from error

    async def _attempt(self, request: httpx.Request, read: float, write: float, *, fresh: bool) -> httpx.Response:
        pool = self._pool
        ticket = pool.admit()
        connection: UpstreamConnection | None = None
        try:
            connection = await pool.acquire(fresh=fresh)
            response = await self._exchange(connection, request, read, write)
        except BaseException as error:
            if isinstance(error, UpstreamError):
                pool.failed(ticket, error)
            else:
                pool.breaker.abandoned(ticket)
            if connection is not None:
                pool.release(connection, reusable=False)
            raise
        pool.succeeded(ticket, response.status_code)
        return response

    async def _exchange(
        self, connection: UpstreamConnection, request: httpx.Request, read: float, write: float
    ) -> httpx.Response:
        connection.begin(is_head=request.method == "HEAD")
        head = [request.method.encode("ascii"), b" ", request.url.raw_path, b" HTTP/1.1\r\n"]
        chunked = False
        for name, value in request.headers.raw:
            lowered = name.lower()
            chunked = chunked or lowered == b"transfer-encoding"
            head += (name, b": ", self._pool.host_header if lowered == b"host" else value, b"\r\n")
        head.append(b"\r\n")
        connection.write(b"".join(head))
        pump = asyncio.create_task(_pump(connection, request, chunked=chunked, read=read, write=write))
        answer: ResponseHead | None = None
        failed: UpstreamError | None = None
        try:
            answer = await connection.head()
        except UpstreamError as error:
            failed = error
        finally:
            if not pump.done():
                pump.cancel()
            await asyncio.wait({pump})
        broken = pump.cancelled()
        if not broken and (cause := pump.exception()) is not None:
            if not isinstance(cause, UpstreamError):
                raise cause
            broken = True
        if answer is None:
            raise failed or ClosedError("no answer", before_answer=True)
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(self._pool, connection, request, read, reusable=not broken),
            extensions={"http_version": b"HTTP/1.1"},
        )

    async def aclose(self) -> None:
        """The pool belongs to the host, which closes it."""


class _Body(httpx.AsyncByteStream):
    def __init__(
        self, pool: Pool, connection: UpstreamConnection, request: httpx.Request, timeout: float, *, reusable: bool
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._request = request
        self._timeout = timeout
        self._reusable = reusable

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            try:
                data, more = await self._connection.read(self._timeout)
            except UpstreamError as error:
                raise _translate(error, self._request) from error
            if data:
                yield data

    async def aclose(self) -> None:
        """Give the connection back: for reuse if the whole answer was read."""
        reusable = self._connection.finish() and self._reusable
        self._pool.release(self._connection, reusable=reusable)


async def _pump(
    connection: UpstreamConnection, request: httpx.Request, *, chunked: bool, read: float, write: float
) -> None:
    if not isinstance(request.stream, httpx.AsyncByteStream):
        raise TypeError("an AsyncClient's request has an async stream")
    try:
        async for data in request.stream:
            if data:
                await connection.send(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data, write)
        if chunked:
            await connection.send(b"0\r\n\r\n", write)
    except BaseException:
        if not connection.has_head:
            connection.abort_exchange()
        raise
    if not connection.has_head:
        connection.expect_within(read)


def _has_body(request: httpx.Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _translate(error: UpstreamError, request: httpx.Request) -> httpx.TransportError:
    for ours, theirs in _ERRORS:
        if isinstance(error, ours):
            return theirs(str(error), request=request)
    return httpx.RemoteProtocolError(str(error), request=request)
