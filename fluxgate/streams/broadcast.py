"""One source, many viewers: the source is opened once however many watch, and every viewer gets the latest frame only.

Nothing queues. A frame is encoded once; a viewer that can't keep up finds the newest frame when it comes back and the
ones between are gone for it, which neither the source nor any other viewer notices.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context

import msgspec

from fluxgate.streams.source import Frame, Source, SourceError, SourceTimeoutError, SourceUnavailableError

log = logging.getLogger(__name__)

BOUNDARY = "fluxgate-frame"
DELIMITER = f"--{BOUNDARY}\r\n".encode("ascii")

FRESH = 2.0
"""Seconds for which a frame is shown to a viewer who has just come."""

MEASURED = 5.0
_MOST_MEASURED = 512

_FIRST_DELAY = 0.25
_LAST_DELAY = 2.0
_STEADY = 5.0  # a connection that lived this long starts the back-off afresh


class StreamStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since start.

    `dropped`: frames that some viewer missed, summed over viewers; `opens`: times the source was opened; `fps`: frames
    a second over the last `MEASURED` seconds; `last_frame_age`: seconds since the last frame, None before the first;
    `error`: why there are none, None while they come and before anybody has watched.
    """

    viewers: int
    frames: int
    dropped: int
    opens: int
    connected: bool
    fps: float = 0.0
    last_frame_age: float | None = None
    error: str | None = None


def part_of(frame: Frame) -> bytes:
    """The frame as a part, as viewers get it."""
    return b"".join(_pieces(frame))


def _pieces(frame: Frame) -> tuple[bytes, bytes, bytes]:
    """The frame as the bytes that follow a boundary line, with the next boundary line at the end.

    With that line already there, clients that wait for it before they show a picture show this one at once.
    """
    length, taken = len(frame.data), f"{frame.timestamp:.6f}"
    head = f"Content-Type: {frame.content_type}\r\nContent-Length: {length}\r\nX-Timestamp: {taken}\r\n\r\n"
    return head.encode("latin-1"), frame.data, b"\r\n" + DELIMITER


def _reason(error: SourceError) -> str:
    """For the log only: it may name addresses."""
    return "" if error.__cause__ is None else f" ({error.__cause__!r})"


class Viewer:
    """One reader of a broadcast, made by `LatestFrameBroadcast.viewer`. For one task at a time.

    `direct`, where set, is offered each frame, as `latest_chunk`, while the task is in `wait`; if it returns
    True it has taken the frame, and the task isn't woken. With it, a viewer that keeps up costs a call a frame.
    """

    __slots__ = ("_broadcast", "_paced", "_waiter", "direct", "error", "seen")

    def __init__(self, broadcast: LatestFrameBroadcast, seen: int, *, paced: bool = False) -> None:
        self._broadcast = broadcast
        self._paced = paced
        self._waiter: asyncio.Future[None] | None = None
        self.seen = seen
        self.error: SourceError | None = None
        self.direct: Callable[[bytes], bool] | None = None

    async def wait(self) -> None:
        """Return when there is a frame that this viewer hasn't had. Raises the `SourceError` that ended the stream."""
        while self._broadcast.count == self.seen:
            if self.error is not None:
                raise self.error.with_traceback(None)
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def part(self) -> bytes:
        """After `wait`: the latest frame as a part, the same bytes object for all viewers."""
        self._see()
        return self._broadcast.latest_part

    async def frame(self) -> Frame:
        """The latest frame that this viewer hasn't had, waiting for one if need be."""
        await self.wait()
        self._see()
        return self._broadcast.latest_frame

    def published(self) -> None:
        """There is a new frame."""
        waiter, direct = self._waiter, self.direct
        if waiter is None or waiter.done():
            return
        if direct is not None and direct(self._broadcast.latest_chunk):
            self.seen += 1  # it waited, so it had all before this one
        else:
            waiter.set_result(None)

    def fail(self, error: SourceError) -> None:
        """The stream has ended."""
        self.error = error
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _see(self) -> None:
        if not self._paced:
            self._broadcast.dropped += self._broadcast.count - self.seen - 1
        self.seen = self._broadcast.count


class LatestFrameBroadcast:
    """Shares one source among viewers. Belongs to one event loop; `aclose` ends it.

    The source is opened for the first viewer and closed `linger` seconds after the last has left. A source that fails
    before it gave a frame, or gives none within `first_frame` seconds, fails all who wait. One that fails later is
    opened again, with back-off, for up to `reconnect` seconds; then all viewers get the `SourceError`. The next viewer
    makes a fresh start.
    """

    def __init__(
        self,
        source: Source,
        *,
        linger: float = 5.0,
        reconnect: float = 10.0,
        first_frame: float = 10.0,
        name: str = "camera",
    ) -> None:
        self._source = source
        self._linger = linger
        self._reconnect = reconnect
        self._first_frame = first_frame
        self._name = name
        self._viewers: set[Viewer] = set()
        self._pump: asyncio.Task[None] | None = None
        self._stopping: set[asyncio.Task[None]] = set()
        self._linger_timer: asyncio.TimerHandle | None = None
        self._frame: Frame | None = None
        self._frame_at = 0.0
        self._part: bytes | None = None
        self._chunk: bytes | None = None
        self._opens = 0
        self._connected = False
        self._error: str | None = None
        self._times: deque[float] = deque(maxlen=_MOST_MEASURED)
        self._closed = False
        self.count = 0
        self.dropped = 0

    @property
    def closed(self) -> bool:
        """Whether `aclose` was called."""
        return self._closed

    @property
    def stats(self) -> StreamStats:
        now = asyncio.get_running_loop().time()
        while self._times and now - self._times[0] > MEASURED:
            self._times.popleft()
        return StreamStats(
            viewers=len(self._viewers),
            frames=self.count,
            dropped=self.dropped,
            opens=self._opens,
            connected=self._connected,
            fps=len(self._times) / MEASURED,
            last_frame_age=None if not self.count else now - self._frame_at,
            error=self._error,
        )

    @property
    def latest_frame(self) -> Frame:
        """The newest frame; only for a viewer that was told there is one."""
        if self._frame is None:
            raise SourceUnavailableError("There is no picture yet.")
        return self._frame

    @property
    def latest_part(self) -> bytes:
        """The newest frame as a part, encoded when the first viewer asks."""
        if self._part is None:
            self._part = part_of(self.latest_frame)
        return self._part

    @property
    def latest_chunk(self) -> bytes:
        """As `latest_part`, as one HTTP/1.1 chunk."""
        if self._chunk is None:
            pieces = _pieces(self.latest_frame)
            self._chunk = b"".join((b"%x\r\n" % sum(map(len, pieces)), *pieces, b"\r\n"))
        return self._chunk

    @asynccontextmanager
    async def viewer(self, *, paced: bool = False) -> AsyncIterator[Viewer]:
        """Watch for the length of the context. Its first frame is the latest one if that is fresh, else the next.

        `paced`: it doesn't want every frame, so that none counts as dropped.
        """
        if self._closed:
            raise SourceUnavailableError("The stream is closed.")
        fresh = self._frame is not None and asyncio.get_running_loop().time() - self._frame_at < FRESH
        viewer = Viewer(self, self.count - 1 if fresh else self.count, paced=paced)
        self._join(viewer)
        try:
            yield viewer
        finally:
            self._leave(viewer)

    async def latest(self, timeout: float = 10.0) -> Frame:
        """One frame, at most `FRESH` seconds old. Opens the source like any viewer. Raises `SourceError`s."""
        async with self.viewer() as viewer:
            try:
                async with asyncio.timeout(timeout):
                    return await viewer.frame()
            except TimeoutError:
                raise SourceTimeoutError("No picture came in time.") from None

    async def aclose(self) -> None:
        """Close the source, now. Viewers get a `SourceUnavailableError`, and so do those who come later."""
        self._closed = True
        self._fail(SourceUnavailableError("The stream is closed."))
        self._stop()
        if self._stopping:
            await asyncio.wait(self._stopping)

    def _join(self, viewer: Viewer) -> None:
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None
        self._viewers.add(viewer)
        if self._pump is None:
            # A context of its own: the pump outlives the request that started it and must carry none of its variables.
            self._pump = asyncio.create_task(self._run(), name=f"stream {self._name}", context=Context())

    def _leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        if not self._viewers and self._pump is not None:
            self._linger_timer = asyncio.get_running_loop().call_later(self._linger, self._stop)

    def _stop(self) -> None:
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None
        self._frame = self._part = self._chunk = None
        if self._pump is not None:
            self._stopping.add(self._pump)
            self._pump.add_done_callback(self._stopping.discard)
            self._pump.cancel()
            self._pump = None

    async def _run(self) -> None:
        if self._stopping:
            # Many cameras take one connection only: the old one must be gone first.
            await asyncio.wait(self._stopping)
        loop = asyncio.get_running_loop()
        delay = _FIRST_DELAY
        give_up: float | None = None  # when to end the reconnecting; None: this is the first connection
        while True:
            opened, before = loop.time(), self.count
            error = await self._read(opened + self._first_frame if give_up is None else give_up)
            now = loop.time()
            self._error = str(error)
            if self.count != before:
                give_up = now + self._reconnect
            if now - opened > _STEADY:
                delay = _FIRST_DELAY
            if give_up is None or now + delay >= give_up:
                log.warning("%s: %s%s", self._name, error, _reason(error))
                self._pump = None
                self._fail(error)
                return
            log.info("%s: %s%s Opening it again.", self._name, error, _reason(error))
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LAST_DELAY)

    async def _read(self, first_frame_by: float) -> SourceError:
        """Open the source and publish its frames until it fails; returns how."""
        self._opens += 1
        try:
            async with asyncio.timeout_at(first_frame_by) as limit, self._source() as frames:
                async for frame in frames:
                    if not self._connected:
                        self._connected, self._error = True, None
                        limit.reschedule(None)
                    self._publish(frame)
        except SourceError as error:
            return error
        except TimeoutError:
            return SourceTimeoutError("No picture came in time.")
        except Exception:  # a source is foreign code; its defect must not leave viewers waiting for ever
            log.exception("%s: the source failed in an unexpected way", self._name)
            return SourceUnavailableError("The source failed.")
        finally:
            self._connected = False
        return SourceUnavailableError("The source ended the stream.")

    def _publish(self, frame: Frame) -> None:
        self._frame = frame
        self._part = self._chunk = None
        self._frame_at = asyncio.get_running_loop().time()
        self._times.append(self._frame_at)
        self.count += 1
        for viewer in tuple(self._viewers):
            viewer.published()

    def _fail(self, error: SourceError) -> None:
        for viewer in self._viewers:
            viewer.fail(error)
