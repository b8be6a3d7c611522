"""The forwarding engine: carries one `ProxyRoute` out for one request, raw bytes both ways.

Order of things: refuse by Content-Length before a byte of the body is read → connect → send the head → pump the body
and wait for the answer at
the same time → relay the answer with back-pressure. A client that leaves cancels the upstream request at any point,
except that a
captured exchange is finished once its request has left completely. An answer that breaks off is broken off towards
the client too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from urllib.parse import unquote_to_bytes

from fluxgate.errors import (
    BadGatewayError,
    BadRequestError,
    PayloadTooLargeError,
    ProblemError,
    UnavailableError,
    UpstreamTimeoutError,
)
from fluxgate.proxy.failures import (
    ClosedError,
    ConnectError,
    ConnectTimeout,
    MalformedError,
    PoolTimeout,
    ReadTimeout,
    UpstreamError,
    WriteTimeout,
)
from fluxgate.proxy.headers import Caller, Network, RequestHeaderRules, ResponseHeaderRules, peer_is_trusted
from fluxgate.proxy.http1 import ResponseHead, UpstreamConnection
from fluxgate.proxy.pool import Pool
from fluxgate.proxy.route import Exchange, FailureCodes, ProxyRoute
from fluxgate.proxy.target import TargetTemplate
from fluxgate.types import RawHeaders, Receive, Scope, Send

logger = logging.getLogger("fluxgate.proxy")

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
CLIENT_CLOSED_REQUEST = 499


class ClientGone(Exception):  # noqa: N818 - an outcome
    """The client left before its answer was complete; nobody is there to be told."""


class ResponseBroken(Exception):  # noqa: N818 - an outcome
    """The upstream died in the middle of the body; the client's transfer must be broken off, not ended."""


class BodyTooLarge(Exception):  # noqa: N818 - an outcome
    """The body grew past the route's limit while it was read."""


class ClientStalled(Exception):  # noqa: N818 - an outcome
    """The client sent nothing of its announced body for too long."""


class Forwarder:
    """One proxy route as an ASGI app. `scope["fluxgate.params"]` holds the path parameters as raw bytes."""

    def __init__(self, route: ProxyRoute, pool: Pool, *, trusted: tuple[Network, ...] = ()) -> None:
        self.route = route
        self.pool = pool
        self._trusted = trusted
        self._target = TargetTemplate(pool.base_path, route)
        self._request_rules = RequestHeaderRules(route.headers)
        self._response_rules = ResponseHeaderRules(route.headers)
        upstream = pool.upstream
        self._read_timeout = route.read_timeout or upstream.read_timeout
        self._write_timeout = route.write_timeout or upstream.write_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one request. Raises ProblemError before the answer has begun, `ResponseBroken` or `ClientGone`
        after."""
        exchange = _Exchange(self, scope, receive, send)
        await exchange.run()

    def caller(self, scope: Scope, host: bytes) -> Caller:
        """What upstreams are told of the client."""
        client = scope.get("client")
        address = client[0] if client else "unknown"
        return Caller(
            address=address.encode("latin-1"),
            scheme=scope["scheme"].encode("ascii"),
            host=host,
            http_version=scope["http_version"].encode("ascii"),
            request_id=scope["fluxgate.request_id"].encode("ascii"),
            trusted=peer_is_trusted(address, self._trusted),
        )

    def request_fields(self, headers: RawHeaders, caller: Caller) -> RawHeaders:
        """The request's fields as the route's policy leaves them."""
        return self._request_rules.apply(headers, caller)

    def response_fields(self, headers: RawHeaders) -> RawHeaders:
        """The answer's fields as the route's policy leaves them."""
        return self._response_rules.apply(headers)

    def target(self, params: dict[str, bytes], query: bytes) -> bytes:
        """The request target for the upstream."""
        return self._target.render(params, query)

    @property
    def read_timeout(self) -> float:
        """Seconds of upstream silence."""
        return self._read_timeout

    @property
    def write_timeout(self) -> float:
        """Seconds an upstream may leave bytes of the body lying, and a client may send none."""
        return self._write_timeout


class _Exchange:
    """One request on its way through."""

    def __init__(self, forwarder: Forwarder, scope: Scope, receive: Receive, send: Send) -> None:
        self.f = forwarder
        self.scope = scope
        self.receive = receive
        self.client_send = send
        self.method: str = scope["method"]
        self.upstream_method = forwarder.route.upstream_method or self.method
        # A copy, before the body is read: the server appends request trailers to its own list.
        self.headers: RawHeaders = list(scope["headers"])
        self.length: int | None = None
        self.chunked = False
        self.host = b""
        for name, value in self.headers:
            if name == b"content-length":
                self.length = int(value)
            elif name == b"transfer-encoding":
                self.chunked = True
            elif name == b"host":
                self.host = value
        self.has_body = self.chunked or bool(self.length)
        self.body_read = False
        self.body_sent = not self.has_body
        self.started = False
        self.client_gone = False
        capture = forwarder.route.capture
        self.capture = capture
        self.captured_request: list[bytes] | None = [] if capture and capture.max_request else None
        self.captured_response: list[bytes] | None = [] if capture else None
        self.captured_request_size = 0
        self.captured_response_size = 0
        self.task: asyncio.Task[object] | None = None
        self.watcher: asyncio.Task[None] | None = None
        self.server_tells = False

    # -- the client's presence

    def _client_left(self) -> None:
        """Called when the client's connection is gone: cancel, unless the upstream may have accepted what must be
        captured."""
        self.client_gone = True
        if self.capture is not None and self.body_sent:
            return
        if self.task is not None:
            self.task.cancel()

    async def _watch_client(self) -> None:
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                self._client_left()
                return

    async def run(self) -> None:
        route = self.f.route
        if self.length is not None and self.length > route.max_body:
            raise PayloadTooLargeError(f"The body is larger than the {route.max_body} bytes this route takes.")
        self.task = asyncio.current_task()
        on_disconnect = self.scope.get("fluxgate.on_disconnect")
        if on_disconnect is not None:
            # Our own server calls back when the connection is lost; on another one a task has to wait for the message.
            on_disconnect(self._client_left)
            self.server_tells = True
        elif not self.has_body:
            self.watcher = asyncio.create_task(self._watch_client())
        try:
            await self._attempts()
        except asyncio.CancelledError:
            if self.client_gone and self.task is not None:
                self.task.uncancel()
                raise ClientGone from None
            raise
        finally:
            if on_disconnect is not None:
                on_disconnect(None)
            if self.watcher is not None:
                self.watcher.cancel()

    async def _attempts(self) -> None:
        policy = self.f.route.retry
        attempt = 1
        while True:
            connection: UpstreamConnection | None = None
            try:
                connection = await self.f.pool.acquire(fresh=attempt > 1)
                await self._once(connection)
            except UpstreamError as error:
                if attempt < policy.attempts and self._may_retry(error):
                    attempt += 1
                    await asyncio.sleep(policy.backoff * (2 ** (attempt - 2)) * (0.5 + random.random()))  # noqa: S311 - jitter
                    continue
                self._raise_problem(error)
            else:
                return
            finally:
                if connection is not None:
                    self.f.pool.release(connection, reusable=False)

    def _may_retry(self, error: UpstreamError) -> bool:
        if self.started or self.body_read:
            return False
        if isinstance(error, ConnectError | ConnectTimeout):
            return True
        return (
            isinstance(error, ClosedError) and error.before_answer and self.method in IDEMPOTENT and not self.has_body
        )

    def _raise_problem(self, error: UpstreamError) -> None:
        failures: FailureCodes = self.f.pool.upstream.failures
        upstream = self.f.pool.upstream.name
        logger.warning(
            "upstream %s: %s %s: %s: %s [%s]",
            upstream,
            self.method,
            self.f.route.path,
            type(error).__name__,
            error,
            self.scope["fluxgate.request_id"],
        )
        if self.started:
            raise ResponseBroken from error
        problem: ProblemError
        match error:
            case ReadTimeout() | WriteTimeout() | ConnectTimeout():
                problem = UpstreamTimeoutError(failures.timeout_message, code=failures.timeout_code)
            case PoolTimeout():
                problem = UnavailableError(failures.busy_message, code=failures.busy_code, retry_after=1)
            case MalformedError():
                problem = BadGatewayError(failures.malformed_message, code=failures.malformed_code)
            case _ if failures.unreachable_status == 503:
                problem = UnavailableError(failures.unreachable_message, code=failures.unreachable_code, retry_after=2)
            case _:
                problem = BadGatewayError(failures.unreachable_message, code=failures.unreachable_code)
        raise problem from error

    # -- one try

    async def _once(self, connection: UpstreamConnection) -> None:
        connection.begin(is_head=self.upstream_method == "HEAD")
        connection.write(self._request_head())
        pump: asyncio.Task[None] | None = None
        if self.has_body:
            pump = asyncio.create_task(self._pump(connection))
        else:
            connection.expect_within(self.f.read_timeout)
        try:
            try:
                head = await connection.head()
            except UpstreamError as error:
                await self._explain(pump, error)
            await self._relay(connection, head, pump)
        finally:
            if pump is not None and not pump.done():
                pump.cancel()
                with contextlib.suppress(asyncio.CancelledError, UpstreamError):
                    await pump

    async def _explain(self, pump: asyncio.Task[None] | None, error: UpstreamError) -> None:
        """No answer came. If that is because the body broke off on the client's side, say so instead."""
        if pump is not None and pump.done() and not pump.cancelled():
            cause = pump.exception()
            if isinstance(cause, BodyTooLarge):
                raise PayloadTooLargeError(
                    f"The body is larger than the {self.f.route.max_body} bytes this route takes."
                ) from None
            if isinstance(cause, ClientStalled):
                raise BadRequestError(
                    "The rest of the body didn't come in time.", status=408, code="REQUEST_TIMEOUT"
                ) from None
            if isinstance(cause, ClientGone):
                self.client_gone = True
                raise ClientGone from None
            if isinstance(cause, UpstreamError):
                raise cause
        raise error

    def _request_head(self) -> bytes:
        f = self.f
        params: dict[str, bytes] = self.scope["fluxgate.params"]
        query = self.scope["query_string"] if f.route.forward_query else b""
        parts = [
            self.upstream_method.encode("ascii"),
            b" ",
            f.target(params, query),
            b" HTTP/1.1\r\nhost: ",
            f.pool.host_header,
            b"\r\n",
        ]
        for name, value in f.request_fields(self.headers, f.caller(self.scope, self.host)):
            parts += (name, b": ", value, b"\r\n")
        if self.chunked:
            parts.append(b"transfer-encoding: chunked\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    async def _pump(self, connection: UpstreamConnection) -> None:
        """Client's body → upstream. Any way but its proper end aborts the connection, so no upstream takes a part
        for the whole."""
        sent = 0
        try:
            while True:
                try:
                    async with asyncio.timeout(self.f.write_timeout):
                        message = await self.receive()
                except TimeoutError:
                    raise ClientStalled from None
                self.body_read = True
                if message["type"] == "http.disconnect":
                    raise ClientGone
                data: bytes = message.get("body", b"")
                more = message.get("more_body", False)
                sent += len(data)
                if sent > self.f.route.max_body:
                    raise BodyTooLarge
                if data:
                    self._capture_request(data)
                    if self.chunked:
                        data = b"%x\r\n%b\r\n" % (len(data), data)
                if not more:
                    if self.chunked:
                        data += b"0\r\n\r\n"
                    # Whatever has left completely may be accepted: from here on a captured exchange is finished.
                    self.body_sent = True
                if data:
                    await connection.send(data, self.f.write_timeout)
                if not more:
                    if not connection.has_head:
                        connection.expect_within(self.f.read_timeout)
                    if not self.server_tells:
                        self.watcher = asyncio.create_task(self._watch_client())
                    return
        except (ClientGone, ClientStalled, BodyTooLarge):
            connection.abort_exchange()
            raise
        except UpstreamError:
            if not connection.has_head:
                raise

    def _capture_request(self, data: bytes) -> None:
        if self.capture is not None and self.captured_request is not None:
            self.captured_request_size += len(data)
            if self.captured_request_size > self.capture.max_request:
                self.captured_request = None
            else:
                self.captured_request.append(data)

    # -- the answer

    async def _relay(self, connection: UpstreamConnection, head: ResponseHead, pump: asyncio.Task[None] | None) -> None:
        headers = self.f.response_fields(head.headers)
        if pump is not None and not pump.done() and head.status >= 300:
            # Refused before the body was through: stop sending it, and have the client's connection closed after the
            # answer.
            pump.cancel()
            headers.append((b"connection", b"close"))
        bodyless = self.method == "HEAD" or head.status in {204, 304}
        start = {"type": "http.response.start", "status": head.status, "headers": headers}
        if self.capture is not None and 200 <= head.status < 300:
            await self._relay_captured(connection, head, start)
        elif bodyless:
            await self._send(start)
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await self._send(start)
            data, more = await connection.read(self.f.read_timeout)
            while more:
                await self._send({"type": "http.response.body", "body": data, "more_body": True})
                data, more = await connection.read(self.f.read_timeout)
            await self._send({"type": "http.response.body", "body": data, "more_body": False})
        pumped = pump is None or (pump.done() and not pump.cancelled() and pump.exception() is None)
        reusable = connection.finish() and pumped
        self.f.pool.release(connection, reusable=reusable)

    async def _relay_captured(
        self, connection: UpstreamConnection, head: ResponseHead, start: dict[str, object]
    ) -> None:
        """Relay, holding back the end until the capture is done with the exchange; carry on without the client if it
        left."""
        await self._send(start)
        bodyless = self.method == "HEAD" or head.status in {204, 304}
        more = not bodyless
        data = b""
        while more:
            data, more = await connection.read(self.f.read_timeout)
            self._capture_response(data)
            if more:
                await self._send({"type": "http.response.body", "body": data, "more_body": True})
        # Shielded: the upstream has accepted, so neither a client that leaves nor a shutdown may lose it.
        await asyncio.shield(asyncio.ensure_future(self._hand_over(head)))
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    def _capture_response(self, data: bytes) -> None:
        if self.capture is not None and self.captured_response is not None:
            self.captured_response_size += len(data)
            if self.captured_response_size > self.capture.max_response:
                self.captured_response = None
            else:
                self.captured_response.append(data)

    async def _hand_over(self, head: ResponseHead) -> None:
        if self.capture is None:
            return
        exchange = Exchange(
            method=self.method,
            path=self.f.route.path,
            params={
                name: unquote_to_bytes(value).decode("utf-8", "replace")
                for name, value in self.scope["fluxgate.params"].items()
            },
            request_headers=self.headers,
            request_body=None if self.captured_request is None else b"".join(self.captured_request),
            status=head.status,
            response_headers=head.headers,
            response_body=None if self.captured_response is None else b"".join(self.captured_response),
            request_id=self.scope["fluxgate.request_id"],
        )
        try:
            await self.capture.then(exchange)
        except Exception:
            logger.exception("capture of %s %s failed [%s]", self.method, self.f.route.path, exchange.request_id)

    async def _send(self, message: dict[str, object]) -> None:
        self.started = True
        await self.client_send(message)
