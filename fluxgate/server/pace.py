"""Clients that send or read too slowly to be honest hold a connection, its buffers, perhaps an upstream: both ways are
watched while something is on the way, and whoever stays below the least rate is told so or cut off.

A link that pauses isn't slow: what came faster than it had to is credit for two windows' worth of silence.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec

if TYPE_CHECKING:
    from uvicorn.protocols.http.flow_control import FlowControl
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from fluxgate.routing import Route

if sys.platform != "win32":
    import fcntl
    import termios

__all__ = ["DownloadWatch", "Pace", "UploadWatch"]

_CREDIT = 2


class Pace(msgspec.Struct, frozen=True):
    """The least bytes a second each way (0: any), measured over `window` seconds."""

    upload: int = 0
    download: int = 0
    window: float = 10.0


class Connection(Protocol):
    """What is watched. `cycle` is the request that was parsed last, `running` the one that is being answered."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    flow: FlowControl

    @property
    def cycle(self) -> RequestResponseCycle | None: ...

    @property
    def running(self) -> RequestResponseCycle | None: ...

    @property
    def has_pipelined(self) -> bool: ...

    def upload_too_slow(self) -> None:
        """The body comes too slowly."""

    def download_too_slow(self) -> None:
        """The answer is read too slowly."""


class _Watch:
    """A window after the other while there is something to watch. `bytes` counts what passes, for ever."""

    def __init__(self, connection: Connection, rate: int, window: float) -> None:
        self.bytes = 0
        self._connection = connection
        self._need = rate * window
        self._window = window
        self._credit = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        self._credit = 0.0
        self._arm()

    def _arm(self) -> None:
        self._timer = self._connection.loop.call_later(self._window, self._look)

    def _look(self) -> None:
        raise NotImplementedError

    def _suffices(self, progress: int) -> bool:
        self._credit = min(self._credit + progress - self._need, _CREDIT * self._need)
        return self._credit >= 0


class UploadWatch(_Watch):
    """Watches a request's body come, as far as the gateway reads it."""

    def __init__(self, connection: Connection, pace: Pace) -> None:
        super().__init__(connection, pace.upload, pace.window)
        self._before = 0

    def begin(self) -> None:
        """From here on, it is another body's bytes."""
        self._before = self.bytes

    def watch(self) -> None:
        """Watch until the body is complete."""
        if self._timer is None and self._need and self._is_due():
            self._start()

    def _is_due(self) -> bool:
        cycle = self._connection.cycle
        return cycle is not None and cycle.more_body and not cycle.response_complete

    def _look(self) -> None:
        self._timer = None
        connection = self._connection
        if not self._is_due():
            return
        progress, self._before = self.bytes - self._before, self.bytes
        # Not the client's doing: nobody reads, or nobody has asked for the body yet.
        held = connection.flow.read_paused or connection.has_pipelined
        cycle = connection.cycle
        if held or (cycle is not None and cycle.waiting_for_100_continue) or self._suffices(progress):
            self._arm()
        else:
            connection.upload_too_slow()


class DownloadWatch(_Watch):
    """Watches what was written leave, also out of the kernel's buffer: a megabyte in there says nothing for minutes on
    a slow link. Streams aren't watched: they lose pictures instead."""

    def __init__(self, connection: Connection, pace: Pace) -> None:
        super().__init__(connection, pace.download, pace.window)
        self._before = 0

    def watch(self) -> None:
        """Watch until all has left the gateway."""
        if self._timer is None and self._need and not self._is_stream():
            self._before = self._left()
            self._start()

    def _is_stream(self) -> bool:
        running = self._connection.running
        if running is None or running.response_complete:
            return False
        route: Route | None = cast("dict[str, Any]", running.scope).get("fluxgate.route")
        return route is not None and route.is_stream

    def _left(self) -> int:
        """Bytes that the client has taken, less a constant."""
        transport = self._connection.transport
        return self.bytes - transport.get_write_buffer_size() - _in_kernel(transport)

    def _look(self) -> None:
        self._timer = None
        connection = self._connection
        if not connection.transport.get_write_buffer_size() or self._is_stream():
            return
        progress, self._before = (left := self._left()) - self._before, left
        if self._suffices(progress):
            self._arm()
        else:
            connection.download_too_slow()


def _in_kernel(transport: asyncio.Transport) -> int:
    """Bytes that the kernel holds because the peer hasn't acknowledged them; 0 where it doesn't tell."""
    connection = transport.get_extra_info("socket")
    if connection is None or sys.platform == "win32":
        return 0
    try:
        return int.from_bytes(fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        return 0
