"""One request and its answer: ASGI's `receive` and `send`, and what a proxy has to tell the server besides."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from fluxgate.server.pace import DownloadWatch
from fluxgate.switching import SwitchedProtocol
from fluxgate.types import RawHeaders

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGIReceiveEvent, ASGISendEvent

STATUS_LINE = {
    code: b"HTTP/1.1 %d %b\r\n" % (code, HTTPStatus(code).phrase.encode() if code in set(HTTPStatus) else b"")
    for code in range(100, 600)
}
_FIELD_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_CONTROLS = bytes((*range(9), *range(10, 32), 127))
_BEGINNINGS: dict[bytes, bytes] = {}
"""Names seen before, with what their line begins with; nothing for those of which the server decides."""
_MOST_BEGINNINGS = 1024
_OF_THE_SERVER = frozenset({b"content-length", b"transfer-encoding", b"connection"})
_JOINED = 16 * 1024
"""Bytes of a body up to which it is cheaper to copy it behind the head than to have the kernel gather both."""
_OVER = cast("Any", {"type": "http", "method": "", "path": ""})
"""The scope of a request that is over."""
_RESET = struct.pack("ii", 1, 0)


class Connection(Protocol):
    """What a cycle needs of its connection."""

    loop: asyncio.AbstractEventLoop

    @property
    def has_pipelined(self) -> bool:
        """Whether further requests wait behind this one."""

    download: DownloadWatch

    def linger(self) -> None:
        """End our side, and let the client finish or notice."""

    def hand_over(self, protocol: SwitchedProtocol) -> None:
        """Give the client's connection to `protocol`."""

    def take_back(self) -> None:
        """The protocol that had it is done: the connection is over."""


class GatewayCycle(RequestResponseCycle):
    """One request and its answer on `connection`."""

    connection: Connection
    on_disconnect: Callable[[], None] | None = None
    on_ending: Callable[[], None] | None = None
    bodyless = False
    close_delimited = False
    received = 0
    """Bytes of the request's body so far."""
    switched: SwitchedProtocol | None = None
    """Has the connection since a 101."""
    _head = b""
    """Leaves with the first piece of the body, in one packet, or else when the loop comes round."""

    def set_on_disconnect(self, callback: Callable[[], None] | None) -> None:
        """`scope["fluxgate.on_disconnect"]`: whom to tell at once when the client's connection is lost."""
        self.on_disconnect = callback
        if callback is not None and self.disconnected:
            callback()

    def set_on_ending(self, callback: Callable[[], None] | None) -> None:
        """`scope["fluxgate.on_ending"]`: whom to tell that the server ends, for an answer without an end."""
        self.on_ending = callback

    def abort_response(self) -> None:
        """`scope["fluxgate.abort"]`: end the connection in mid-answer, so that the client sees a broken one."""
        self.disconnected = True
        self._flush_head()
        if self.close_delimited:
            # Nothing but a reset tells an answer that broke from one that ended.
            reset(self.transport)
        else:
            self.transport.close()

    async def switch(self, headers: RawHeaders, protocol: SwitchedProtocol) -> bool:
        """`scope["fluxgate.switch"]`, see `fluxgate.switching`."""
        if self.response_started:
            raise RuntimeError("101 can't follow an answer")
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected or self.transport.is_closing():
            return False
        head, _, _ = _fields(101, headers)
        self.response_started = True
        self.switched = protocol
        self.transport.write(head + b"connection: upgrade\r\n\r\n")
        try:
            self.connection.hand_over(protocol)
            await protocol.wait_closed()
        finally:
            self.response_complete = True
            self.on_disconnect = None
            self.connection.take_back()
        return True

    def lose(self) -> None:
        """The client is gone: tell whoever wants to know."""
        callback, self.on_disconnect = self.on_disconnect, None
        if not self.response_complete:
            self.disconnected = True
            if callback is not None:
                callback()
        self.message_event.set()

    async def run_asgi(self, app: ASGI3Application) -> None:
        """Run the app to the end of its answer; whatever ends it sooner is seen by the client, and logged."""
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            self.logger.warning(
                "%s %s was cut short by the end of the server", self.scope["method"], self.scope["path"]
            )
            self.abort_response()
        except Exception:
            self.logger.exception("Exception in ASGI application")
            await self._end_badly()
        else:
            if not self.response_complete and not self.disconnected:
                self.logger.error("the app returned without a complete answer")
                await self._end_badly()
        finally:
            self.on_response = _nothing
            # The scope knows its cycle: without this, each request would be left to the garbage collector.
            self.scope = _OVER

    async def _end_badly(self) -> None:
        if self.response_started:
            self.abort_response()
        else:
            await self.send_500_response()

    async def receive(self) -> ASGIReceiveEvent:
        """ASGI receive. Reading goes on while more of this body is due, but not into ever more pipelined requests."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            self._read_on()
            await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        message: ASGIReceiveEvent = {"type": "http.request", "body": bytes(self.body), "more_body": self.more_body}
        self.body = bytearray()
        if not self.more_body:
            self._read_on()  # a client's leaving is only noticed while its connection is read
        return message

    def _read_on(self) -> None:
        if self.more_body or not self.connection.has_pipelined:
            self.flow.resume_reading()

    async def send(self, message: ASGISendEvent) -> None:
        """ASGI send; returns when the client's connection takes more."""
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
        head, length, closes = _fields(status, message.get("headers", ()))
        # Refused before the body came: what is left of it isn't worth reading for the connection's sake.
        closes = closes or (self.more_body and status >= 300)
        self.response_started = True
        self.waiting_for_100_continue = False
        self.bodyless = self.scope["method"] == "HEAD" or status in {204, 304}
        self.expected_content_length = 0
        self.chunked_encoding = False
        if not self.bodyless:
            if length is not None:
                self.expected_content_length = length
            elif self.scope["http_version"] == "1.0":
                self.close_delimited = closes = True
            else:
                self.chunked_encoding = True
                head += b"transfer-encoding: chunked\r\n"
        if closes:
            self.keep_alive = False
        self._head = head + (b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        self.connection.loop.call_soon(self._flush_head)

    def _flush_head(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self.transport.write(head)

    def _body(self, message: dict[str, Any]) -> None:
        if message["type"] != "http.response.body":
            raise RuntimeError(f"expected 'http.response.body', got {message['type']!r}")
        more: bool = message.get("more_body", False)
        if not self.bodyless:
            self._write(message.get("body", b""), more=more)
        if not more:
            self._complete()

    def _write(self, body: bytes, *, more: bool) -> None:
        if self.chunked_encoding:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more:
                body += b"0\r\n\r\n"
        elif not self.close_delimited:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("the body is longer than its Content-Length")
        if not body:
            return
        self.connection.download.bytes += len(body)
        head, self._head = self._head, b""
        if not head:
            self.transport.write(body)
        elif len(body) < _JOINED:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))

    def _complete(self) -> None:
        if self.expected_content_length > 0:
            raise RuntimeError("the body is shorter than its Content-Length")
        self._flush_head()
        self.response_complete = True
        self.on_disconnect = self.on_ending = None
        self.message_event.set()
        if self.more_body:
            self.connection.linger()
        elif not self.keep_alive:
            self.transport.close()
        self.on_response()


def reset(transport: asyncio.Transport) -> None:
    """End a connection with a reset, and what the kernel still holds of it."""
    with contextlib.suppress(OSError, AttributeError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def _nothing() -> None:
    """Stands for the callback once the request is over."""


def _fields(status: int, headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, int | None, bool]:
    """The head so far, the Content-Length in it, and whether the app wants the connection closed."""
    head = [STATUS_LINE[status]]
    length: int | None = None
    closes = False
    for name, value in headers:
        beginning = _BEGINNINGS.get(name)
        if beginning is None:
            beginning = _beginning(name)
        if beginning:
            head += (beginning, value, b"\r\n")
            continue
        lowered = name.lower()
        if lowered == b"content-length":
            if status != 204:
                length = int(value)
                head += (b"content-length: ", value, b"\r\n")
        elif lowered == b"connection":
            lowered = value.lower()
            closes = closes or b"close" in lowered
            if b"upgrade" in lowered and status != 101:
                head += (b"connection: ", b"upgrade", b"\r\n")
    whole = b"".join(head)
    lines = 1 + len(head) // 3
    # The ends of the lines are all the control characters that there may be.
    if len(whole) - len(whole.translate(None, _CONTROLS)) != 2 * lines:
        raise RuntimeError("a header field has a control character in its value")
    return whole, length, closes


def _beginning(name: bytes) -> bytes:
    """Raises RuntimeError for what is no field name."""
    lowered = name.lower()
    if not _FIELD_NAME.match(lowered):
        raise RuntimeError(f"invalid header field {name!r}")
    beginning = b"" if lowered in _OF_THE_SERVER else lowered + b": "
    if len(_BEGINNINGS) < _MOST_BEGINNINGS:
        _BEGINNINGS[name] = beginning
    return beginning
