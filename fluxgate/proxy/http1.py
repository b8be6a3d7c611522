"""One HTTP/1.1 client connection to an upstream: bytes out, parsed answer in, back-pressure both ways.

The parser is llhttp (httptools), strict, which also serves the gateway's own clients. What is ours is the little
that a proxy needs and client libraries tidy away: header fields and request target as the very bytes, an upload that
can be broken off, an answer that may come before the upload ends, and cancellation that never strands a pool slot:
giving up is one synchronous `abort()`.
"""

from __future__ import annotations

import asyncio
from collections import deque

import httptools

from fluxgate.proxy.failures import ClosedError, MalformedError, ReadTimeout, UpstreamError, WriteTimeout
from fluxgate.types import RawHeaders

READ_HIGH = 256 * 1024
READ_LOW = 64 * 1024
MAX_HEAD = 128 * 1024


class ResponseHead:
    """Status and fields of an answer; `until_close`: its body has no length and ends with the connection."""

    __slots__ = ("headers", "status", "until_close")

    def __init__(self, status: int, headers: RawHeaders, *, until_close: bool) -> None:
        self.status = status
        self.headers = headers
        self.until_close = until_close


class UpstreamConnection(asyncio.Protocol):
    """A connection that carries one exchange at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._read_paused = False
        self.lost = False
        self.exchanges = 0
        self.idle_since = 0.0
        self._reset(is_head=False)

    def _reset(self, *, is_head: bool) -> None:
        self._is_head = is_head
        self._headers: RawHeaders = []
        self._head_bytes = 0
        self._unproductive = 0
        self._head: ResponseHead | None = None
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._done = False
        self._keep_alive = False
        self._answer_begun = False
        self._may_switch = False
        self._behind = b""
        self._error: UpstreamError | None = None

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        parser = self._parser
        if parser is None or self._done:
            # Bytes that no request asked for: whatever they are, this connection can't be trusted with another.
            self._keep_alive = False
            self.abort()
            return
        self._answer_begun = True
        self._unproductive += len(data)
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._switched(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._fail(MalformedError(str(error)))
        else:
            if self._unproductive > MAX_HEAD:
                # A field, a trailer, a chunk extension or interim answers without end: the parser would keep them.
                self._fail(MalformedError("the answer's head or a trailer is too large"))
            elif self._buffered > READ_HIGH and not self._read_paused and self._transport is not None:
                self._read_paused = True
                self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Part of asyncio.Protocol: close our side too."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        self.lost = True
        self._keep_alive = False
        if self._parser is not None and not self._done and self._error is None:
            if self._head is not None and self._head.until_close and exc is None:
                self._done = True
            else:
                self._error = ClosedError("the upstream closed the connection", before_answer=not self._answer_begun)
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        """Part of asyncio.Protocol."""
        if self._drained is None:
            self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """Part of asyncio.Protocol."""
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # -- llhttp callbacks

    def on_message_begin(self) -> None:
        """A status line begins; one after the end of the answer is a smuggled one."""
        if self._done:
            raise ValueError("more than one answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field, or one trailer field once the head is complete (dropped, as `Trailer` is)."""
        if self._head is None:
            self._head_bytes += len(name) + len(value)
            if self._head_bytes > MAX_HEAD:
                raise ValueError("the answer's head is too large")
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is complete; 1xx answers are skipped."""
        parser = self._parser
        if parser is None:
            return
        status = parser.get_status_code()
        if not 100 <= status < 600:
            raise ValueError(f"status {status}")
        if parser.get_http_version() not in {"1.1", "1.0"}:
            raise ValueError("not HTTP/1")
        if status < 200:
            if status == 101 and self._may_switch:
                if not parser.should_upgrade():
                    raise ValueError("a 101 that names no protocol")
                self._head = ResponseHead(status, self._headers, until_close=False)
            self._headers = []
            return
        length: bytes | None = None
        chunked = False
        for name, value in self._headers:
            size = len(name)
            if size == 14 and name.lower() == b"content-length":
                length = value
            elif size == 17 and name.lower() == b"transfer-encoding":
                chunked = value.strip().lower() == b"chunked"
                if not chunked:
                    raise ValueError("a transfer coding other than chunked")
        self._unproductive = 0
        bodyless = self._is_head or status in {204, 304}
        self._keep_alive = parser.should_keep_alive()
        self._head = ResponseHead(status, self._headers, until_close=not bodyless and not chunked and length is None)
        if self._is_head:
            # llhttp can't be told that no body follows: what it would read as one is the next answer, so start it
            # afresh.
            self._done = True
            self._keep_alive = self._keep_alive and (chunked or length is not None or status in {204, 304})

    def on_body(self, body: bytes) -> None:
        """A piece of the body, without its chunk framing."""
        if self._is_head:
            self._keep_alive = False
            return
        self._unproductive = 0
        self._chunks.append(body)
        self._buffered += len(body)

    def on_message_complete(self) -> None:
        """The end of an answer; of an interim one if no head was kept."""
        if self._head is not None:
            self._done = True

    # -- one exchange

    def begin(self, *, is_head: bool, may_switch: bool = False) -> None:
        """Make ready for the next request's answer. `may_switch`: it asks for another protocol, so 101 is one."""
        self._reset(is_head=is_head)
        self._may_switch = may_switch
        self.exchanges += 1
        self._parser = httptools.HttpResponseParser(self)

    def write(self, data: bytes) -> None:
        """Queue bytes without waiting: for a request's head."""
        if self._transport is not None and not self.lost:
            self._transport.write(data)

    async def send(self, data: bytes, timeout: float) -> None:
        """Write bytes of the body and wait until the upstream takes them. `timeout` bounds its silence."""
        if self._error is not None:
            raise self._error
        if self.lost or self._transport is None:
            raise ClosedError("the upstream closed the connection", before_answer=not self._answer_begun)
        self._transport.write(data)
        if (drained := self._drained) is None:
            return
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(drained)
        except TimeoutError:
            error = WriteTimeout("the upstream stopped reading")
            self._fail(error)
            raise error from None
        if self.lost:
            raise ClosedError("the upstream closed the connection", before_answer=not self._answer_begun)

    def expect_within(self, timeout: float) -> None:
        """Fail the exchange unless what is waited for next comes within `timeout` seconds."""
        self._disarm()
        self._timer = self._loop.call_later(timeout, self._silent)

    async def head(self) -> ResponseHead:
        """The answer's head. Raises `UpstreamError`."""
        while self._head is None:
            if self._error is not None:
                raise self._error
            await self._wait()
        self._disarm()
        return self._head

    @property
    def has_head(self) -> bool:
        """Whether the answer's head has come."""
        return self._head is not None

    async def read(self, timeout: float) -> tuple[bytes, bool]:
        """What has come of the body since, and whether more may follow. Raises `UpstreamError`, also for silence
        over `timeout`."""
        if not self._chunks and not self._done:
            self.expect_within(timeout)
            while not self._chunks and not self._done:
                if self._error is not None:
                    raise self._error
                await self._wait()
            # While the client is slow to take what came, the upstream isn't silent: it's waiting for us.
            self._disarm()
        chunks = self._chunks
        data = b"".join(chunks) if len(chunks) > 1 else chunks[0] if chunks else b""
        chunks.clear()
        self._buffered = 0
        if self._read_paused and self._transport is not None:
            self._read_paused = False
            self._transport.resume_reading()
        return data, not self._done

    @property
    def complete(self) -> bool:
        """The whole answer has come."""
        return self._done

    def finish(self) -> bool:
        """End the exchange after a whole answer; True if the connection can carry another."""
        self._disarm()
        self._parser = None
        return self._done and self._keep_alive and not self.lost and self._error is None

    def switch(self, protocol: asyncio.Protocol) -> bytes:
        """After a 101: `protocol` has the connection, with reading paused, from now on. Returns what came behind the
        head. `abort()` still drops the connection."""
        if self._transport is None:
            raise ClosedError("there is no connection", before_answer=False)
        self._disarm()
        self._parser = None
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        return self._behind

    def abort_exchange(self) -> None:
        """Break the exchange off in the middle of the request: whoever waits for the answer gets `ClosedError`."""
        self._fail(ClosedError("the request was broken off", before_answer=True))

    def abort(self) -> None:
        """Drop the connection at once, whatever is under way."""
        self._disarm()
        self._keep_alive = False
        self.lost = True
        if self._transport is not None:
            self._transport.abort()

    # -- inside

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _switched(self, behind: bytes) -> None:
        if not self._may_switch or self._transport is None:
            self._fail(MalformedError("the upstream switched protocols unasked"))
            return
        # Not HTTP any more: what follows waits in the kernel for whoever takes over.
        self._behind = behind
        self._transport.pause_reading()

    def _silent(self) -> None:
        self._timer = None
        self._fail(ReadTimeout("the upstream stayed silent"))

    def _fail(self, error: UpstreamError) -> None:
        if self._error is None and not self._done:
            self._error = error
        self.abort()
        self._wake()
        self.resume_writing()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
