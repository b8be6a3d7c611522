"""One request on its way through the gateway, raw bytes both ways.

Order of things: refuse by Content-Length before a byte of the body is read → connect → send the head → pump the body
and wait for the answer at the same time → relay the answer with back-pressure. A client that leaves cancels the
upstream request at any point, except that a captured exchange is finished once its request has left completely. An
answer that breaks off is broken off towards the client too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from typing import TYPE_CHECKING

from fluxgate.ending import end_stream
from fluxgate.errors import BadRequestError, ProblemError
from fluxgate.proxy.failures import ClosedError, ConnectError, ConnectTimeout, UpstreamError
from fluxgate.proxy.http1 import ResponseHead, UpstreamConnection
from fluxgate.proxy.outcomes import IDEMPOTENT, BodyTooLarge, ClientGone, ClientStalled, ResponseBroken
from fluxgate.proxy.problems import problem_of
from fluxgate.proxy.recording import Recording
from fluxgate.proxy.timing import UpstreamCall
from fluxgate.proxy.upload import Upload
from fluxgate.types import Message, RawHeaders, Receive, Scope, Send

if TYPE_CHECKING:
    from fluxgate.proxy.forward import Forwarder

logger = logging.getLogger("fluxgate.proxy")


_LIVE = frozenset({b"text/event-stream", b"multipart/x-mixed-replace"})


class ProxyExchange:
    """One request, from its head to the end of its answer."""

    def __init__(self, forwarder: Forwarder, scope: Scope, receive: Receive, send: Send) -> None:
        self.f = forwarder
        self.scope = scope
        self.receive = receive
        self.client_send = send
        self.method: str = scope["method"]
        self.upstream_method = forwarder.route.upstream_method or self.method
        # A copy, before the body is read: some servers append request trailers to their own list.
        self.headers: RawHeaders = list(scope["headers"])
        self.length = 0
        self.chunked = False
        self.host = b""
        for name, value in self.headers:
            if name == b"content-length":
                self.length = int(value)
            elif name == b"transfer-encoding":
                self.chunked = True
            elif name == b"host":
                self.host = value
        self.call = UpstreamCall(forwarder.pool.upstream.name)
        scope["fluxgate.upstream"] = self.call
        self.started = False
        self.sent = False
        self.ticket = 0
        """The breaker's, for the present try."""
        self.told = False
        """Whether it knows how that went."""
        self.client_gone = False
        self.cancelled = False
        self.task: asyncio.Task[object] | None = None
        self.watcher: asyncio.Task[None] | None = None
        self.server_tells = False
        self.server_ends = False
        capture = forwarder.route.capture
        self.recording = None if capture is None else Recording(capture)
        self.upload: Upload | None = None
        inspect = forwarder.route.inspect
        inspector = None if inspect is None else inspect(self.headers)
        if inspector is not None and not (self.chunked or self.length):
            inspector.end()
        if self.chunked or self.length:
            self.upload = Upload(
                receive,
                length=None if self.chunked else self.length,
                limit=forwarder.route.max_body,
                silence=forwarder.write_timeout,
                answer_within=forwarder.read_timeout,
                copy=None if self.recording is None else self.recording.sent,
                inspector=inspector,
            )

    async def run(self) -> None:
        """Carry it out. Raises ProblemError before the answer has begun, `ResponseBroken` or `ClientGone` after."""
        if self.length > self.f.route.max_body:
            raise self.f.too_large()
        self.task = asyncio.current_task()
        on_disconnect = self.scope.get("fluxgate.on_disconnect")
        if on_disconnect is not None:
            # Our own server calls back when the connection is lost; on another one a task has to wait for the message.
            on_disconnect(self._client_left)
            self.server_tells = True
        elif self.upload is None:
            self.watcher = asyncio.create_task(self._watch_client())
        try:
            await self._attempts()
        except (asyncio.CancelledError, ProblemError, ResponseBroken):
            if not self.client_gone:
                raise
        finally:
            if on_disconnect is not None:
                on_disconnect(None)
            if self.watcher is not None:
                self.watcher.cancel()
        if self.client_gone:
            await self._absorb_cancellation()
            raise ClientGone

    # -- the client's presence

    def _client_left(self) -> None:
        """Called when the client's connection is gone: cancel, unless the upstream may have accepted what must be
        captured."""
        self.client_gone = True
        if self.recording is not None and (self.sent if self.upload is None else self.upload.complete):
            return
        if self.task is not None:
            self.cancelled = True
            self.task.cancel()

    async def _watch_client(self) -> None:
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                self._client_left()
                return

    async def _absorb_cancellation(self) -> None:
        """Whatever ended first, the cancellation of our own must not reach code that awaits after us."""
        if self.cancelled and self.task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            self.task.uncancel()

    # -- tries

    async def _attempts(self) -> None:
        policy, pool = self.f.route.retry, self.f.pool
        attempt = 1
        pool.retries.asked()
        while True:
            connection: UpstreamConnection | None = None
            self.told = False
            try:
                self._admit()
                connection = await pool.acquire(fresh=attempt > 1)
                self.call.connected = time.perf_counter()
                await self._once(connection)
            except UpstreamError as error:
                self._tell(error)
                if attempt >= policy.attempts or not self._may_retry(error) or not pool.retries.take():
                    self._fail(error)
            except BaseException:
                if not self.told:
                    pool.breaker.abandoned(self.ticket)
                raise
            else:
                return
            finally:
                if connection is not None:
                    pool.release(connection, reusable=False)
            await asyncio.sleep(policy.backoff * 2**attempt * random.random())  # noqa: S311 - jitter
            attempt += 1
            self.call.attempts = attempt

    def _admit(self) -> None:
        try:
            self.ticket = self.f.pool.admit()
        except UpstreamError:
            self.told = True  # there is nothing to tell of what isn't asked
            raise

    def _tell(self, error: UpstreamError) -> None:
        """Let the breaker know; an answer that was begun has counted already, and its breaking off counts against."""
        if not self.told or self.started:
            self.told = True
            self.f.pool.failed(self.ticket, error)

    def _may_retry(self, error: UpstreamError) -> bool:
        if self.started or (self.upload is not None and self.upload.begun):
            return False
        if isinstance(error, ConnectError | ConnectTimeout):
            return True
        return (
            isinstance(error, ClosedError)
            and error.before_answer
            and self.upload is None
            and {self.method, self.upstream_method} <= IDEMPOTENT
        )

    def _fail(self, error: UpstreamError) -> None:
        self.call.error = type(error).__name__
        logger.warning(
            "upstream %s: %s %s: %s: %s [%s]",
            self.f.pool.upstream.name,
            self.method,
            self.f.route.path,
            type(error).__name__,
            error,
            self.scope["fluxgate.request_id"],
        )
        if self.started:
            raise ResponseBroken from error
        raise problem_of(error, self.f.pool.upstream.failures) from error

    async def _once(self, connection: UpstreamConnection) -> None:
        connection.begin(is_head=self.upstream_method == "HEAD")
        head = self.f.request_head(self.scope, self.headers, self.upstream_method, self.host, chunked=self.chunked)
        connection.write(head)
        self.sent = True
        pump: asyncio.Task[None] | None = None
        if self.upload is None:
            connection.expect_within(self.f.read_timeout)
        else:
            pump = asyncio.create_task(self._pump(self.upload, connection))
        try:
            try:
                answer = await connection.head()
                self.call.answered, self.call.status = time.perf_counter(), answer.status
                self.told = True
                self.f.pool.succeeded(self.ticket, answer.status)
            except UpstreamError as error:
                self._explain(pump, error)
                raise
            await self._relay(connection, answer, pump)
        finally:
            if pump is not None:
                await _end(pump)

    async def _pump(self, upload: Upload, connection: UpstreamConnection) -> None:
        await upload.pump(connection)
        if not self.server_tells:
            self.watcher = asyncio.create_task(self._watch_client())

    def _explain(self, pump: asyncio.Task[None] | None, error: UpstreamError) -> None:
        """No answer came. If that is because the body broke off, say so instead."""
        cause = pump.exception() if pump is not None and pump.done() and not pump.cancelled() else None
        match cause:
            case BodyTooLarge():
                raise self.f.too_large() from None
            case ClientStalled():
                raise BadRequestError(
                    "The rest of the body didn't come in time.", status=408, code="REQUEST_TIMEOUT"
                ) from None
            case ClientGone():
                self.client_gone = True
                raise ClientGone from None
            case ProblemError():
                raise cause from None
            case UpstreamError():
                raise cause from error

    # -- the answer

    async def _relay(self, connection: UpstreamConnection, head: ResponseHead, pump: asyncio.Task[None] | None) -> None:
        headers = self.f.response_fields(head.headers)
        if pump is not None and not pump.done() and head.status >= 300:
            # Refused before the body was through: stop sending it. The server closes the client's connection then.
            pump.cancel()
            headers.append((b"connection", b"close"))
        await self._send({"type": "http.response.start", "status": head.status, "headers": headers})
        recording = self.recording if 200 <= head.status < 300 else None
        data = b""
        more = not (self.method == "HEAD" or head.status in {204, 304})
        if more and _is_endless(headers):
            self._end_with_the_server()
        while more:
            try:
                data, more = await connection.read(self.f.read_timeout)
                if recording is not None:
                    recording.came(data)
                if more:
                    await self._send({"type": "http.response.body", "body": data, "more_body": True})
            except asyncio.CancelledError:
                if not self._may_end_here():
                    raise
                if not await end_stream(self.client_send):
                    raise ResponseBroken from None
                return
        if recording is not None:
            # The end is held back until the capture has it. Shielded: the upstream has accepted, so neither a client
            # that leaves nor a shutdown may lose it.
            handing = recording.hand_over(self.f.route, self.scope, self.headers, head)
            await asyncio.shield(asyncio.ensure_future(handing))
        await self._send({"type": "http.response.body", "body": data, "more_body": False})
        pumped = pump is None or (pump.done() and not pump.cancelled() and pump.exception() is None)
        self.f.pool.release(connection, reusable=connection.finish() and pumped)

    def _end_with_the_server(self) -> None:
        """A live stream runs as long as its viewers stay: it ends in order when the server does, not at its
        deadline."""
        on_ending = self.scope.get("fluxgate.on_ending")
        if on_ending is not None:
            on_ending(self._server_ends)

    def _server_ends(self) -> None:
        if self.task is not None:
            self.server_ends = True
            self.task.cancel()

    def _may_end_here(self) -> bool:
        """Whether the cancellation is that of `_server_ends`, and of nobody else."""
        return self.server_ends and not self.client_gone and self.task is not None and self.task.uncancel() == 0

    async def _send(self, message: Message) -> None:
        self.started = True
        await self.client_send(message)


def _is_endless(headers: RawHeaders) -> bool:
    """Whether an answer is a live stream: pictures or events."""
    for name, value in headers:
        if name.lower() == b"content-type":
            return value.partition(b";")[0].strip().lower() in _LIVE
    return False


async def _end(pump: asyncio.Task[None]) -> None:
    """Cancel the pump if it runs, and have its outcome looked at: whoever needs it has it by now."""
    pump.add_done_callback(_look)
    if not pump.done():
        pump.cancel()
        await asyncio.wait({pump})


def _look(pump: asyncio.Task[None]) -> None:
    if not pump.cancelled():
        pump.exception()
