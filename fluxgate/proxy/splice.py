"""Two connections joined: what comes from one goes to the other as it is, one write a read, and neither is read faster
than the other takes it.

How it ends, whoever ends it:
- a peer that says goodbye (a close frame passed) or leaves: the other one's connection is ended after what is on the
  way to it;
- an upstream that dies without a close frame, silence on both sides, the end of the gateway: whoever is left is sent a
  close frame of the gateway's own if whole frames have passed to it so far, else its connection is dropped.
A peer that then takes nothing more, or doesn't close, is dropped after `LINGER`.
"""

from __future__ import annotations

import asyncio

from fluxgate.proxy.frames import GOING_AWAY, INTERNAL_ERROR, POLICY_VIOLATION, FrameTracker, close_frame
from fluxgate.switching import WITHDRAWN, SwitchedProtocol

__all__ = ["Splice"]

LINGER = 2.0
"""Seconds in which a peer that was told of the end must take some of what is left, or close."""


class Leg(SwitchedProtocol):
    """One of the two connections. `sent`: bytes from the other peer that went to this one."""

    transport: asyncio.Transport
    other: Leg

    def __init__(self, splice: Splice, *, is_upstream: bool) -> None:
        self.splice = splice
        self.is_upstream = is_upstream
        self.frames = FrameTracker()
        """Of what comes from this peer."""
        self.sent = 0
        self.ending = False
        """Nothing more is sent to this peer."""
        self.lost = False
        self.unsent = 0

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self.transport = transport  # type: ignore[assignment]
        if not self.is_upstream:
            self.splice.begin()

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        splice = self.splice
        splice.active = splice.time()
        self.frames.feed(data)
        other = self.other
        if not other.ending:
            other.sent += len(data)
            other.transport.write(data)
        if self.ending and self.frames.closed:
            self.transport.close()

    def pause_writing(self) -> None:
        """Part of asyncio.Protocol."""
        if not self.other.ending:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Part of asyncio.Protocol."""
        if not self.other.ending:
            self.other.transport.resume_reading()

    def eof_received(self) -> bool:
        """Part of asyncio.Protocol: a WebSocket knows no half-closed connection, but a client that has said goodbye may
        have nothing more to say and wait for the answer."""
        if not self.is_upstream and self.frames.closed and not self.ending:
            self.splice.watch()
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        self.lost = self.ending = True
        self.splice.left(self)

    # -- fluxgate.switching

    def shutdown(self) -> None:
        """Part of SwitchedProtocol."""
        self.splice.end(GOING_AWAY, b"the gateway is shutting down")

    def withdraw(self) -> None:
        """Part of SwitchedProtocol."""
        self.splice.end(POLICY_VIOLATION, WITHDRAWN.encode())

    async def wait_closed(self) -> None:
        """Part of SwitchedProtocol."""
        await self.splice.closed

    # -- ending

    def say_goodbye(self, code: int, reason: bytes) -> None:
        """End the connection with a close frame, if one may be sent; it is closed when the peer has answered it."""
        if self.ending:
            return
        passed = self.other.frames
        if not passed.at_boundary:
            self.drop()
            return
        self._end()
        if not passed.closing and not self.frames.closed:
            self.transport.write(close_frame(code, reason, masked=self.is_upstream))
        if self.frames.closed:
            self.transport.close()
        else:
            self.transport.resume_reading()

    def close(self) -> None:
        """End the connection after what is on the way to the peer."""
        if not self.ending:
            self._end()
            self.transport.close()

    def drop(self) -> None:
        """End the connection at once."""
        self.ending = True
        if not self.lost:
            self.transport.abort()

    def _end(self) -> None:
        self.ending = True
        self.unsent = self.transport.get_write_buffer_size()
        self.splice.watch()

    def drop_if_stuck(self) -> None:
        """Drop a connection that is to end, unless the peer is still taking what is left."""
        if not self.lost:
            left = self.transport.get_write_buffer_size()
            if left == 0 or left >= self.unsent:
                self.drop()
            self.unsent = left


class Splice:
    """The relay of one WebSocket. Give `upstream` to its connection first, then `client` to the server.

    `broken`: the upstream left in the middle, without a goodbye from either side. `closed` is done when both
    connections are over.
    """

    def __init__(self, idle_timeout: float) -> None:
        loop = asyncio.get_running_loop()
        self.time = loop.time
        self.active = loop.time()
        self.client = Leg(self, is_upstream=False)
        self.upstream = Leg(self, is_upstream=True)
        self.client.other, self.upstream.other = self.upstream, self.client
        self.behind = b""
        """What the upstream sent right behind its handshake."""
        self.broken = False
        self.closed: asyncio.Future[None] = loop.create_future()
        self._begun = False
        self._loop = loop
        self._idle_timeout = idle_timeout
        self._idle_timer: asyncio.TimerHandle | None = None
        self._watching: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Both connections are there: let it flow."""
        self._begun = True
        if self.upstream.lost:
            self.left(self.upstream)
            return
        self.upstream.transport.resume_reading()
        behind, self.behind = self.behind, b""
        if behind:
            self.upstream.data_received(behind)
        self._idle_timer = self._loop.call_at(self.active + self._idle_timeout, self._look)

    def left(self, leg: Leg) -> None:
        """A peer's connection is over."""
        if not self._begun:
            return
        other = leg.other
        if leg.is_upstream and not other.ending:
            self.broken = not leg.frames.closed and not other.frames.closed
        if not other.lost:
            if leg.is_upstream:
                other.say_goodbye(INTERNAL_ERROR, b"the service ended the connection")
            else:
                # It has no use for an answer, and the upstream should see that nobody said goodbye.
                other.close()
            return
        for timer in (self._idle_timer, self._watching):
            if timer is not None:
                timer.cancel()
        if not self.closed.done():
            self.closed.set_result(None)

    def end(self, code: int, reason: bytes) -> None:
        """Say goodbye to both."""
        self.client.say_goodbye(code, reason)
        self.upstream.say_goodbye(code, reason)

    def abort(self) -> None:
        """Drop whatever is left of both."""
        for leg in (self.client, self.upstream):
            if hasattr(leg, "transport"):
                leg.drop()

    def watch(self) -> None:
        """An end has begun: see to it that it comes."""
        if self._watching is None:
            self._watching = self._loop.call_later(LINGER, self._hurry)

    def _hurry(self) -> None:
        self._watching = self._loop.call_later(LINGER, self._hurry)
        for leg in (self.client, self.upstream):
            leg.drop_if_stuck()

    def _look(self) -> None:
        due = self.active + self._idle_timeout
        if due > self._loop.time():
            self._idle_timer = self._loop.call_at(due, self._look)
        else:
            self.end(GOING_AWAY, b"nothing came for too long")
