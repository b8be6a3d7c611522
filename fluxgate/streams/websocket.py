"""A WebSocket whose other end is the gateway itself (RFC 6455; its frames are the `websockets` library's business).

An app is given it once the handshake is answered, reads messages from it and sends some, and returns when it is done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side, State

from fluxgate.errors import NotImplementedProblem
from fluxgate.handshake import OriginRule, accept_of, asked_host, read_handshake
from fluxgate.streams.unsent import limit_unsent
from fluxgate.switching import WITHDRAWN, Switch, SwitchedProtocol
from fluxgate.types import Receive, Scope, Send

__all__ = ["ClosedError", "SocketApp", "SocketEndpoint", "WebSocket"]

logger = logging.getLogger("fluxgate.streams")

LARGEST = 64 * 1024
"""Bytes of a message that a client may send."""
MOST_WAITING = 64
"""Messages that may wait for the app; whoever sends more at once is told off."""
BEAT = 20.0
"""Seconds of silence after which the client is asked whether it is there, and in which it must answer."""
LINGER = 2.0
"""Seconds that a client has to answer a close."""


class ClosedError(Exception):
    """The WebSocket is closed."""


class WebSocket(SwitchedProtocol):
    """One connection. `receive()` and `send_text()` are for its app; both raise `ClosedError` when it is closed."""

    def __init__(self) -> None:
        self.sent = 0
        self._frames = Protocol(Side.SERVER, state=State.OPEN, max_size=LARGEST, logger=_silent)
        self._transport: asyncio.Transport | None = None
        self._messages: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._part = bytearray()
        self._is_text = True
        self._writable = asyncio.Event()
        self._writable.set()
        self._lost = asyncio.Event()
        self.ready = asyncio.Event()
        """The client has its 101."""
        self._heard = 0.0
        self._beat: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None

    # -- for the app

    async def receive(self) -> str | bytes:
        """The client's next message."""
        message = await self._messages.get()
        if message is None:
            self._messages.put_nowait(None)
            raise ClosedError
        return message

    async def send_text(self, message: bytes) -> None:
        """Send a message of text, in UTF-8, once the connection takes more: whoever waits for that holds back old
        news."""
        await asyncio.sleep(0)  # an app that only sends leaves others their turn, and hears that its client has left
        await self._writable.wait()
        if self._frames.state is not State.OPEN or self._transport is None or self._transport.is_closing():
            raise ClosedError
        self._frames.send_text(message)
        self._flush()

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Say goodbye; the connection ends when the client has answered, or soon."""
        if self._frames.state is State.OPEN:
            self._frames.send_close(code, reason)
            self._flush()
        self._finish()

    # -- fluxgate.switching

    def shutdown(self) -> None:
        """Part of SwitchedProtocol."""
        self.close(CloseCode.GOING_AWAY, "the gateway is shutting down")

    def withdraw(self) -> None:
        """Part of SwitchedProtocol."""
        self.close(CloseCode.POLICY_VIOLATION, WITHDRAWN)

    async def wait_closed(self) -> None:
        """Part of SwitchedProtocol."""
        try:
            await self._lost.wait()
        finally:
            if self._transport is not None and not self._lost.is_set():
                self._transport.abort()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self._transport = transport  # type: ignore[assignment]
        self._heard = asyncio.get_running_loop().time()
        self._beat = asyncio.get_running_loop().call_later(BEAT, self._look)
        self.ready.set()

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        self._heard = asyncio.get_running_loop().time()
        self._frames.receive_data(data)
        for event in self._frames.events_received():
            if isinstance(event, Frame):
                self._take(event)
        self._flush()
        if self._frames.close_expected():
            self._finish()

    def eof_received(self) -> bool:
        """Part of asyncio.Protocol: a WebSocket knows no half-closed connection."""
        self._frames.receive_eof()
        self._flush()
        return False

    def pause_writing(self) -> None:
        """Part of asyncio.Protocol."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Part of asyncio.Protocol."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        self._lost.set()
        self._writable.set()
        self._messages.put_nowait(None)
        for timer in (self._beat, self._linger):
            if timer is not None:
                timer.cancel()

    # -- inside

    def _take(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY:
                self._part = bytearray(frame.data)
                self._is_text = frame.opcode is Opcode.TEXT
            case Opcode.CONT:
                self._part += frame.data
            case Opcode.CLOSE:
                self._messages.put_nowait(None)
                return
            case _:
                return
        if not frame.fin:
            return
        if self._messages.qsize() >= MOST_WAITING:
            self.close(CloseCode.POLICY_VIOLATION, "too many messages at once")
            return
        try:
            self._messages.put_nowait(self._part.decode() if self._is_text else bytes(self._part))
        except UnicodeDecodeError:
            self.close(CloseCode.INVALID_DATA, "text that isn't UTF-8")

    def _flush(self) -> None:
        transport = self._transport
        if transport is None:
            return
        for data in self._frames.data_to_send():
            if data:
                self.sent += len(data)
                transport.write(data)
            else:
                transport.close()

    def _look(self) -> None:
        """Ping a silent client; drop one that doesn't answer."""
        loop = asyncio.get_running_loop()
        silent = loop.time() - self._heard
        if silent >= 2 * BEAT and self._transport is not None:
            self._transport.abort()
            return
        if silent >= BEAT and self._frames.state is State.OPEN:
            self._frames.send_ping(b"")
            self._flush()
        self._beat = loop.call_later(BEAT, self._look)

    def _finish(self) -> None:
        self._messages.put_nowait(None)
        if self._linger is None and self._transport is not None and not self._lost.is_set():
            self._linger = asyncio.get_running_loop().call_later(LINGER, self._transport.abort)


SocketApp = Callable[[Scope, WebSocket], Awaitable[None]]
"""Given the scope of the handshake and the connection; whatever it raises closes it with 1011."""


class SocketEndpoint:
    """An ASGI app: a route whose other end is `app`. `origins` as in `WebSocketRoute`."""

    def __init__(self, app: SocketApp, origins: frozenset[str], is_trusted: Callable[[Scope], bool]) -> None:
        self._app = app
        self._origins = OriginRule(origins, required=False)
        self._is_trusted = is_trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the handshake and serve the connection to its end. Raises ProblemError before."""
        handshake = read_handshake(scope)
        self._origins.check(handshake, asked_host(handshake, trusted=self._is_trusted(scope)))
        switch: Switch | None = scope.get("fluxgate.switch")
        if switch is None:
            raise NotImplementedProblem("This server can't switch protocols.", code="CANNOT_SWITCH")
        socket = WebSocket()
        running = asyncio.create_task(self._serve(scope, socket), name="websocket")
        try:
            accept = accept_of(handshake.key)
            await switch([(b"upgrade", b"websocket"), (b"sec-websocket-accept", accept)], socket)
        finally:
            running.cancel()
            await asyncio.wait({running})

    async def _serve(self, scope: Scope, socket: WebSocket) -> None:
        await socket.ready.wait()
        limit_unsent(scope)
        try:
            await self._app(scope, socket)
        except ClosedError:
            pass
        except ProtocolError as error:
            logger.info("a WebSocket's client broke the protocol: %s", error)
        except Exception:
            logger.exception("%s failed", scope["path"])
            socket.close(CloseCode.INTERNAL_ERROR, "")
            return
        socket.close()


_silent = logging.getLogger("fluxgate.streams.frames")
_silent.setLevel(logging.WARNING)
