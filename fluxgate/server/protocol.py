"""One client connection: uvicorn's httptools protocol, with what a proxy needs beyond it.

- `scope["fluxgate.on_disconnect"](callback)`: told at once when the client's connection is lost, without a task that
  waits for it;
- `scope["fluxgate.on_ending"](callback)`: told when the server ends, so that an answer without an end ends then;
- `scope["fluxgate.cycle"].received`: bytes of the request's body so far;
- `scope["fluxgate.abort"]()`: break the transfer off, so that the client sees a broken answer and not a short one;
- `scope["fluxgate.switch"]`, for a WebSocket handshake only: answer 101 and take the connection over. What came behind
  the handshake waits until it is answered: it is the new protocol's, or else HTTP;
- `scope["extensions"]`: the connection's transport, for streams that tune its buffers;
- a request target with a fragment, userinfo, or an authority that isn't Host's is refused, and so are heads over a
  limit of bytes or of time, bodies that drip, other versions of HTTP, and a transfer coding on HTTP/1.0;
- pipelined requests wait in little memory, and all of them end with the connection;
- an answer that comes before the request's end isn't reset away with it;
- a client that reads its answer too slowly is cut off, and one address has so many connections and no more.
Bad framing (Content-Length with Transfer-Encoding, obs-fold, bad chunk sizes) llhttp refuses by itself.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from fluxgate.server.addresses import Addresses
from fluxgate.server.cycle import GatewayCycle, reset
from fluxgate.server.pace import DownloadWatch, Pace, UploadWatch
from fluxgate.server.refusal import RefusedError, too_many_connections
from fluxgate.server.target import split_target
from fluxgate.server.upgrade import framing_fields, may_switch
from fluxgate.switching import SwitchedProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

logger = logging.getLogger("fluxgate.access")

UNWATCHED = 16 * 1024
"""Bytes that may lie unsent after an answer: if they still do when the connection is closed, that is soon enough."""
LINGER = 2.0
"""Seconds that a client is given to read an answer which came before the end of its request."""


class GatewayProtocol(HttpToolsProtocol):
    """One client connection. `max_head` and `max_target` in bytes; `max_connections` of the whole server;
    `head_timeout`: seconds in which a request's head must come, once its first byte has, or the connection was made."""

    max_head = 64 * 1024
    max_target = 8192
    max_fields = 200
    max_connections = 1_000_000
    head_timeout = 30.0
    pace = Pace()
    addresses = Addresses()
    draining = False
    """Of all connections of a server: it will end soon, so none is kept for a further request."""

    upload: UploadWatch
    download: DownloadWatch
    running: GatewayCycle | None = None
    """The request that is being answered; `cycle` is the one that was parsed last, which may wait behind it."""
    discarding = False
    """Whatever comes is thrown away."""
    refusal: RefusedError | None = None
    """What is answered after the requests before it."""
    _in_head = True
    _skip_head = False
    _unproductive = 0
    _head_bytes = 0
    _held = b""
    """What came behind requests that wait, or behind a handshake."""
    _may_switch = False
    """The request that was parsed last is a WebSocket handshake without an answer."""
    _ending = False
    _head_timer: asyncio.TimerHandle | None = None
    _linger_timer: asyncio.TimerHandle | None = None
    _idle_since = 0.0
    """When the last answer was complete, by the loop's clock; 0 while a request is at work."""

    @property
    def has_pipelined(self) -> bool:
        """Whether further requests wait behind the one that is being answered."""
        return bool(self.pipeline or self._held)

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Part of asyncio.Protocol."""
        super().connection_made(transport)
        self.upload = UploadWatch(self, self.pace)
        self.download = DownloadWatch(self, self.pace)
        if not self.addresses.enter(self):
            self._refuse(RefusedError(503, "TOO_MANY_CONNECTIONS", "Your address has too many connections open."))
            return
        self._head_timer = self.loop.call_later(self.head_timeout, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        self.addresses.leave(self)
        self.upload.stop()
        self.download.stop()
        self._stop_head_timer()
        self._unset_keepalive_if_required()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        waiting = [cast("GatewayCycle", cycle) for cycle, _ in self.pipeline]
        self.pipeline.clear()
        running = self.running
        super().connection_lost(exc)
        for cycle in (running, *waiting):
            if cycle is not None:
                cycle.lose()

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        if self.discarding:
            return
        if self.pipeline or self._may_switch:
            self._hold(data)
            return
        self._idle_since = 0.0
        self._unproductive += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserCallbackError as error:
            refused = error.__context__
            if not isinstance(refused, RefusedError):
                self.logger.error("request parser callback failed", exc_info=error)
                refused = RefusedError(400, "INVALID_REQUEST", "The request is not valid HTTP.")
            self._refuse(refused)
        except httptools.HttpParserError:
            self._refuse(RefusedError(400, "INVALID_REQUEST", "The request is not valid HTTP."))
        else:
            if self._unproductive > self.max_head:
                # A field, a trailer or a chunk extension that never ends: the parser would keep it in memory.
                self._refuse(_too_large())
            elif not self._in_head:
                self.upload.watch()
            elif self._unproductive and self._head_timer is None:
                self._head_timer = self.loop.call_later(self.head_timeout, self._too_slow)

    def pause_writing(self) -> None:
        """Part of asyncio.Protocol."""
        super().pause_writing()
        self.download.watch()

    def _hold(self, data: bytes) -> None:
        """Requests wait, or a handshake does: keep a little of what comes, unparsed, and read on, as only reading shows
        that the client left."""
        self._held += data
        if len(self._held) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                if may_switch(self.scope, self.headers):
                    self._may_switch = True
                    self.scope["fluxgate.switch"] = cast("GatewayCycle", self.cycle).switch  # type: ignore[typeddict-unknown-key]
                    self._hold(data)
                    return
                self._ignore_upgrade()
            else:
                return

    def _ignore_upgrade(self) -> None:
        """llhttp stops at the head of a request with `Upgrade`. Nobody switched (RFC 9110 §7.8): read on with a parser
        that knows of its body and of nothing else."""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        framing = framing_fields(self.headers)
        if framing:
            self._skip_head = True
            self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % framing)

    # -- refusing

    def _too_slow(self) -> None:
        self._head_timer = None
        if not self._unproductive:
            self.transport.close()
        else:
            self._refuse(RefusedError(408, "REQUEST_TIMEOUT", "The request's head didn't come in time."))

    def upload_too_slow(self) -> None:
        """Called by the watch over the request's body."""
        self._refuse(RefusedError(408, "REQUEST_TIMEOUT", "The request's body comes too slowly."))

    def download_too_slow(self) -> None:
        """Called by the watch over the answers' way to the client."""
        logger.info("%s reads too slowly, its connection is reset", self.client[0] if self.client else "-")
        reset(self.transport)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, refusal: RefusedError) -> None:
        """Answer what can't be parsed, after the requests before it, and end the connection."""
        if self.transport.is_closing() or self.discarding:
            return
        logger.info("%s refused %d %s", self.client[0] if self.client else "-", refusal.status, refusal.code)
        self._stop_head_timer()
        self.discarding = True
        running = self.running
        latest = cast("GatewayCycle | None", self.cycle)
        if running is None or running.response_complete:
            self._give(refusal)
        elif latest is running and running.more_body:
            started = running.response_started
            running.lose()
            if started:
                running.abort_response()
            else:
                self._give(refusal)
        else:
            if latest is not None and latest.more_body:
                self.pipeline.popleft()  # its own body is what can't be parsed
            self.refusal = refusal

    def _give(self, refusal: RefusedError) -> None:
        self.transport.write(refusal.answer())
        self.linger()

    def linger(self) -> None:
        """End our side and let the client finish or notice: closing over an unread body would reset the answer away
        with it."""
        self.discarding = True
        if self._linger_timer is not None or self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self.download.watch()
        self._linger_timer = self.loop.call_later(LINGER, self.transport.close)

    # -- llhttp callbacks

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._skip_head:
            return
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        if self._skip_head:
            return
        self.url += url
        self._head_bytes += len(url)
        if self._head_bytes > self.max_target:
            raise RefusedError(414, "URI_TOO_LONG", "The request target is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field, or a trailer field: those are not taken."""
        if not self._in_head or self._skip_head:
            return
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self.max_head or len(self.headers) >= self.max_fields:
            raise _too_large()
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete: start the request, or have it wait for those before it."""
        parser = self.parser
        if self._skip_head:
            self._skip_head = False
            return
        scope = cast("dict[str, Any]", self.scope)
        version = parser.get_http_version()
        if version != "1.1":
            self._check_version(version)
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        raw_path, query = split_target(self.url, self.headers)
        path = raw_path.decode("ascii", "surrogateescape")
        scope["raw_path"] = raw_path
        scope["path"] = unquote(path) if "%" in path else path
        scope["query_string"] = query
        self._in_head = False
        self._unproductive = 0
        self._stop_head_timer()
        self.upload.begin()
        cycle = GatewayCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue and version == "1.1",
            keep_alive=version == "1.1" and parser.should_keep_alive() and not self.draining,
            on_response=self.on_response_complete,
        )
        cycle.connection = self
        scope["extensions"] = {"fluxgate.transport": self.transport}
        scope["fluxgate.on_disconnect"] = cycle.set_on_disconnect
        scope["fluxgate.cycle"] = cycle
        scope["fluxgate.on_ending"] = cycle.set_on_ending
        scope["fluxgate.abort"] = cycle.abort_response
        app = self.app
        if len(self.connections) > self.max_connections:
            app = cast("ASGI3Application", too_many_connections)
        self.cycle = cycle
        if self.running is None or self.running.response_complete:
            self._start_asgi_task(cycle, app)
        else:
            self.pipeline.appendleft((cycle, app))

    def _check_version(self, version: str) -> None:
        if version != "1.0":
            raise RefusedError(505, "HTTP_VERSION", "The gateway speaks HTTP/1.1.")
        if any(name == b"transfer-encoding" for name, _ in self.headers):
            # RFC 9112 §6.1: whoever sent this on can't have understood it, so its framing is anybody's guess.
            raise RefusedError(400, "AMBIGUOUS_FRAMING", "HTTP/1.0 has no transfer codings.")

    def on_body(self, body: bytes) -> None:
        """A piece of a body; after the answer it is thrown away."""
        self._unproductive = 0
        self.upload.bytes += len(body)
        cycle = self.cycle
        if cycle.response_complete:
            return
        cast("GatewayCycle", cycle).received += len(body)
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """The end of a request."""
        self._unproductive = 0
        if self.parser.should_upgrade() and framing_fields(self.headers):
            return  # llhttp only thinks so: the body follows, see `_ignore_upgrade`
        self._in_head = True
        cycle = self.cycle
        cycle.more_body = False
        if not cycle.response_complete:
            cycle.message_event.set()

    # -- the order of answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.running = cast("GatewayCycle", cycle)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """An answer is complete: go on with the next pipelined request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing() or self.transport.get_write_buffer_size() > UNWATCHED:
            self.download.watch()
        if self.transport.is_closing() or self._linger_timer is not None:
            return
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            if not self.pipeline and not self._may_switch:
                self._read_held()
        elif self.refusal is not None:
            self._give(self.refusal)
        elif self._may_switch:
            self._may_switch = False
            self._ignore_upgrade()
            self._wait_for_next()
            self._read_held()
        else:
            self._wait_for_next()

    def _wait_for_next(self) -> None:
        self.flow.resume_reading()
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_for_idleness_in(self.timeout_keep_alive)

    def _read_held(self) -> None:
        self.flow.resume_reading()
        if self._held:
            held, self._held = self._held, b""
            self.data_received(held)

    # -- the end of HTTP on this connection

    def hand_over(self, protocol: SwitchedProtocol) -> None:
        """After a 101: the connection is `protocol`'s, and so is what came behind the handshake."""
        self._unset_keepalive_if_required()
        self._stop_head_timer()
        held, self._held = self._held, b""
        self.flow.resume_reading()
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        if held:
            protocol.data_received(held)
        if self._ending:
            protocol.shutdown()

    def take_back(self) -> None:
        """The protocol that had the connection is done with it, so it is over."""
        self.transport.abort()
        self.connection_lost(None)

    def _look_for_idleness_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Close if no request came for too long. One timer goes on through many requests: one for each would be dearer
        than they are."""
        self.timeout_keep_alive_task = None
        if not self._idle_since:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_for_idleness_in(left)
            return
        super().timeout_keep_alive_handler()
        self.download.watch()

    def shutdown(self) -> None:
        """The server ends: close when idle, else after the answer that is under way."""
        self._ending = True
        running = self.running
        if running is None or running.response_complete:
            self.transport.close()
        elif running.switched is not None:
            running.switched.shutdown()
        else:
            running.keep_alive = False
            if running.on_ending is not None:
                running.on_ending()


def _too_large() -> RefusedError:
    return RefusedError(431, "HEADERS_TOO_LARGE", "The request's header fields are too large.")
