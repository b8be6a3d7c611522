"""The HTTP server: uvicorn with a protocol of our own where the ASGI interface can't say what a proxy has to know.

What it adds to uvicorn's httptools protocol:
- `scope["fluxgate.on_disconnect"](callback)`: told at once when the client's connection is lost, without a task that
  waits for it;
- `scope["fluxgate.abort"]()`: break the transfer off, so that the client sees a broken answer and not a short one;
- `scope["extensions"]`: the connection's transport, for streams that tune its buffers;
- a request target with a fragment, userinfo, or an authority that isn't Host's is refused; heads over a limit are
  refused;
- 304 and HEAD keep their Content-Length; an HTTP/1.0 client is never sent chunks.
Bad framing (Content-Length with Transfer-Encoding, obs-fold, bad chunk sizes) llhttp refuses by itself, with 400 and
a close.
"""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from fluxgate.errors import PROBLEM_TYPE, problem_body
from fluxgate.types import Receive, Scope, Send

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGISendEvent

    from fluxgate.app import Gateway
    from fluxgate.settings import GatewaySettings

_STATUS_LINE = {
    code: b"HTTP/1.1 %d %b\r\n" % (code, HTTPStatus(code).phrase.encode() if code in set(HTTPStatus) else b"")
    for code in range(100, 600)
}
_FIELD_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_FIELD_VALUE_BAD = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_DEFAULT_MAX_HEAD = 64 * 1024
_LINGER = 2.0


class _RefusedError(Exception):
    """Raised in a parser callback: the request is answered with this problem and the connection closed."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class GatewayCycle(RequestResponseCycle):
    """One request and its answer."""

    on_disconnect: Callable[[], None] | None = None
    bodyless = False
    close_delimited = False
    lingering = False

    def set_on_disconnect(self, callback: Callable[[], None] | None) -> None:
        """`scope["fluxgate.on_disconnect"]`."""
        self.on_disconnect = callback
        if callback is not None and self.disconnected:
            callback()

    def abort_response(self) -> None:
        """`scope["fluxgate.abort"]`: what was written so far goes out, then the connection ends in mid-answer."""
        self.disconnected = True
        self.transport.close()

    async def send(self, message: ASGISendEvent) -> None:
        """ASGI send."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started:
            self._start(cast("dict[str, Any]", message))
        elif not self.response_complete:
            self._body(cast("dict[str, Any]", message))
        else:
            raise RuntimeError(f"{message['type']!r} was sent after the answer was complete")

    def _start(self, message: dict[str, Any]) -> None:
        if message["type"] != "http.response.start":
            raise RuntimeError(f"expected 'http.response.start', got {message['type']!r}")
        status: int = message["status"]
        self.response_started = True
        self.waiting_for_100_continue = False
        self.bodyless = self.scope["method"] == "HEAD" or status in {204, 304}
        head = [_STATUS_LINE[status]]
        length: int | None = None
        closes = False
        for name, value in message.get("headers", ()):
            lowered = name.lower()
            if not _FIELD_NAME.match(lowered) or _FIELD_VALUE_BAD.search(value):
                raise RuntimeError(f"invalid header field {name!r}")
            if lowered == b"content-length":
                length = int(value)
            elif lowered == b"transfer-encoding":
                continue
            elif lowered == b"connection":
                closes = closes or b"close" in value.lower()
                continue
            head += (lowered, b": ", value, b"\r\n")
        self.expected_content_length = 0
        self.chunked_encoding = False
        if not self.bodyless:
            if length is not None:
                self.expected_content_length = length
            elif self.scope["http_version"] == "1.0":
                self.close_delimited = closes = True
            else:
                self.chunked_encoding = True
                head.append(b"transfer-encoding: chunked\r\n")
        if closes:
            self.keep_alive = False
        if not self.keep_alive:
            head.append(b"connection: close\r\n")
        head.append(b"\r\n")
        self.transport.write(b"".join(head))

    def _body(self, message: dict[str, Any]) -> None:
        if message["type"] != "http.response.body":
            raise RuntimeError(f"expected 'http.response.body', got {message['type']!r}")
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        if not self.bodyless:
            if self.chunked_encoding:
                if body:
                    framed = b"%x\r\n%b\r\n" % (len(body), body)
                    self.transport.write(framed if more else framed + b"0\r\n\r\n")
                elif not more:
                    self.transport.write(b"0\r\n\r\n")
            else:
                if not self.close_delimited:
                    self.expected_content_length -= len(body)
                    if self.expected_content_length < 0:
                        raise RuntimeError("the body is longer than its Content-Length")
                if body:
                    self.transport.write(body)
        if not more:
            if self.expected_content_length > 0:
                raise RuntimeError("the body is shorter than its Content-Length")
            self.response_complete = True
            self.on_disconnect = None
            self.message_event.set()
            if self.more_body:
                self._linger()
            elif not self.keep_alive:
                self.transport.close()
            self.on_response()

    def _linger(self) -> None:
        """End our side and let the client finish or notice: closing over an unread body would reset the answer away
        with it."""
        self.lingering = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        asyncio.get_running_loop().call_later(_LINGER, self.transport.close)


class GatewayProtocol(HttpToolsProtocol):
    """One client connection."""

    max_head = _DEFAULT_MAX_HEAD
    max_connections = 1_000_000

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        cycle = cast("GatewayCycle | None", self.cycle)
        super().connection_lost(exc)
        if cycle is not None and not cycle.response_complete and cycle.on_disconnect is not None:
            callback, cycle.on_disconnect = cycle.on_disconnect, None
            callback()

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            refused = error.__context__
            if isinstance(refused, _RefusedError):
                self._refuse(refused.status, refused.code, refused.message)
            else:
                self.logger.error("request parser callback failed", exc_info=error)
                self._refuse(400, "INVALID_REQUEST", "The request is not valid HTTP.")
        except httptools.HttpParserError:
            self._refuse(400, "INVALID_REQUEST", "The request is not valid HTTP.")
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()

    def _refuse(self, status: int, code: str, message: str) -> None:
        if self.transport.is_closing():
            return
        cycle = cast("GatewayCycle | None", self.cycle)
        if cycle is None or not cycle.response_started or cycle.response_complete:
            body = problem_body(status, code, message)
            self.transport.write(
                b"%bcontent-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
                % (_STATUS_LINE[status], PROBLEM_TYPE.encode(), len(body), body)
            )
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self.url += url
        if len(self.url) > self.max_head:
            raise _RefusedError(414, "URI_TOO_LONG", "The request target is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field, or a trailer field: those are not taken."""
        cycle = cast("GatewayCycle | None", self.cycle)
        if cycle is not None and cycle.scope is self.scope:
            return
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self.max_head or len(self.headers) > 200:
            raise _RefusedError(431, "HEADERS_TOO_LARGE", "The request's header fields are too large.")
        super().on_header(name, value)

    def on_message_complete(self) -> None:
        """The end of a request."""
        cycle = cast("GatewayCycle", self.cycle)
        if cycle.lingering:
            self.transport.close()
            return
        cycle.more_body = False
        cycle.message_event.set()

    def on_body(self, body: bytes) -> None:
        """A piece of a body; after the answer it is thrown away."""
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_response_complete(self) -> None:
        """An answer is complete: go on with the next pipelined request, or wait for one."""
        if not cast("GatewayCycle", self.cycle).lingering:
            super().on_response_complete()

    def on_headers_complete(self) -> None:
        """The head is complete: start the request."""
        parser = self.parser
        scope = cast("dict[str, Any]", self.scope)
        version = parser.get_http_version()
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        if parser.should_upgrade() and self._should_upgrade():
            return
        self._target(scope)
        cycle = GatewayCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive() and not parser.should_upgrade(),
            on_response=self.on_response_complete,
        )
        scope["extensions"] = {"fluxgate.transport": self.transport}
        scope["fluxgate.on_disconnect"] = cycle.set_on_disconnect
        scope["fluxgate.abort"] = cycle.abort_response
        app = self.app
        if len(self.connections) > self.max_connections:
            app = cast("ASGI3Application", _full)
        previous = cast("GatewayCycle | None", self.cycle)
        self.cycle = cycle
        if previous is None or previous.response_complete:
            self._start_asgi_task(cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, app))

    def _target(self, scope: dict[str, Any]) -> None:
        url = self.url
        if url[:1] == b"/" and b"#" not in url:
            # parse_url would take `//x/y` for a path too, so splitting at the first `?` says the same, faster.
            raw_path, _, query = url.partition(b"?")
        else:
            raw_path, query = self._absolute_target(url)
        path = raw_path.decode("ascii", "surrogateescape")
        scope["raw_path"] = raw_path
        scope["path"] = unquote(path) if "%" in path else path
        scope["query_string"] = query

    def _absolute_target(self, url: bytes) -> tuple[bytes, bytes]:
        """RFC 9112 §3.2.2: absolute-form is accepted when its authority is Host's; anything else is refused."""
        try:
            parsed: Any = httptools.parse_url(url)
        except httptools.HttpParserInvalidURLError:
            raise _RefusedError(400, "INVALID_TARGET", "The request target is not valid.") from None
        if parsed.fragment is not None or parsed.userinfo is not None or parsed.schema not in {b"http", b"https"}:
            raise _RefusedError(400, "INVALID_TARGET", "The request target is not valid.")
        authority = parsed.host if parsed.port is None else b"%b:%d" % (parsed.host, parsed.port)
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) != 1 or hosts[0].lower() != authority.lower():
            raise _RefusedError(400, "INVALID_TARGET", "The request target and Host name different servers.")
        return parsed.path or b"/", parsed.query or b""


async def _full(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers in place of the app while too many connections are open."""
    body = problem_body(503, "TOO_MANY_CONNECTIONS", "The gateway has too many connections open.")
    headers = [
        (b"content-type", PROBLEM_TYPE.encode("ascii")),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"1"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class GatewayServer(uvicorn.Server):
    """uvicorn, telling when it listens."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[str, int], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the server in order; unlike uvicorn, which then dies of the signal, the process
        exits with 0."""
        previous = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then report the address: a port of 0 is only known now."""
        await super().startup(sockets)
        for server in getattr(self, "servers", ()):
            for listener in server.sockets:
                host, port = listener.getsockname()[:2]
                self._on_listening(host, port)
                return


def make_server(app: Gateway, settings: GatewaySettings, on_listening: Callable[[str, int], None]) -> GatewayServer:
    """A server for `app` as the settings say; `run()` it, or `await serve()`."""
    protocol = type(
        "ConfiguredProtocol",
        (GatewayProtocol,),
        {"max_head": settings.max_header_bytes, "max_connections": settings.max_connections},
    )
    config = uvicorn.Config(
        cast("ASGI3Application", app),
        host=settings.host,
        port=settings.port,
        http=protocol,
        ws="none",
        loop="auto",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(settings.shutdown_timeout),
        backlog=2048,
    )
    return GatewayServer(config, on_listening)
