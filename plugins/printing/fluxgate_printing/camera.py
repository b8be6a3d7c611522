"""A printer's camera: one upstream connection however many watch, as the two ASGI apps that the plugin's stream routes
need.

    camera = Camera(driver.camera_url)            # a printer's own camera
    camera = Camera(SnapshotCamera(url="http://…/snapshot"))    # one that gives single pictures
    camera = Camera(TestPicture(caption=...))     # the virtual printer's
    StreamRoute(path="/camera/stream", app=camera.stream), StreamRoute(path="/camera/snapshot", app=camera.snapshot)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from fluxgate.errors import BadGatewayError, NotFoundError, ProblemError, UnavailableError, UpstreamTimeoutError
from fluxgate.streams import (
    Frame,
    LatestFrameBroadcast,
    Source,
    SourceError,
    SourceFormatError,
    SourceTimeoutError,
    SourceUnavailableError,
    StreamStats,
    open_mjpeg,
    open_snapshots,
    serve_mjpeg,
    serve_snapshot,
)
from fluxgate.types import Receive, Scope, Send
from fluxgate_printing.away_picture import away_picture
from fluxgate_printing.models import CameraSource, CameraView
from fluxgate_printing.printers.base import PrinterError
from fluxgate_printing.test_picture import TestPicture, test_picture_source

CameraUrl = Callable[[], Awaitable[str | None]]
"""The MJPEG stream's URL, asked each time the camera is connected; None: there is no camera.

May raise `PrinterError`.
"""


class SnapshotCamera(msgspec.Struct, frozen=True, kw_only=True):
    """A camera that gives single pictures at `url`, asked `fps` times a second while somebody watches."""

    url: str
    fps: float = 1.0


class CameraNotConfiguredError(SourceError):
    """The printer has no camera."""


class Camera:
    """One camera. `stream` and `snapshot` are ASGI apps for GET and HEAD; `aclose` ends all viewers.

    `source` is where its pictures come from. `linger`: seconds that it stays connected after the last viewer;
    `reconnect`: seconds for which a camera lost in mid-stream is tried again; `timeout`: seconds to the first picture,
    and of silence.

    Problems, all before the answer starts: 404 `CAMERA_NOT_CONFIGURED`, 502 `CAMERA_NOT_MJPEG`, 503
    `CAMERA_UNAVAILABLE`, 504 `CAMERA_TIMEOUT`, 400 `INVALID_FPS`. When a camera is lost later, its viewers get a
    picture that says so each second, until it is back.
    """

    def __init__(
        self,
        source: CameraUrl | SnapshotCamera | TestPicture,
        *,
        name: str = "camera",
        linger: float = 5.0,
        reconnect: float = 10.0,
        timeout: float = 10.0,
    ) -> None:
        self._kind, opened = _source(source, timeout)
        self._timeout = timeout
        self._broadcast = LatestFrameBroadcast(
            opened, linger=linger, reconnect=reconnect, first_frame=timeout, name=name
        )

    @property
    def stats(self) -> StreamStats:
        return self._broadcast.stats

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`multipart/x-mixed-replace`, live; `?fps=`: at most so many pictures a second, 1 to 30."""
        await serve_mjpeg(self._broadcast, scope, receive, send, problem=camera_problem, placeholder=away_picture)

    async def snapshot(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One JPEG, at most two seconds old; `?format=base64`: as base64 text."""
        await serve_snapshot(self._broadcast, scope, send, timeout=self._timeout, problem=camera_problem)

    @property
    def view(self) -> CameraView:
        """What `GET /camera` says; it doesn't connect the camera."""
        stats = self._broadcast.stats
        known = stats.connected or stats.error is not None
        return CameraView(
            available=stats.connected if known else None,
            source=self._kind,
            viewers=stats.viewers,
            fps=round(stats.fps, 1),
            last_frame_age=None if stats.last_frame_age is None else round(stats.last_frame_age, 3),
            error=stats.error,
        )

    async def latest(self) -> Frame:
        """One picture, at most two seconds old. Raises `SourceError`."""
        return await self._broadcast.latest(self._timeout)

    async def aclose(self) -> None:
        """Disconnect the camera and break off all its viewers."""
        await self._broadcast.aclose()


def camera_problem(error: SourceError) -> ProblemError:
    """The answer to a camera's failure."""
    message = str(error)
    if isinstance(error, CameraNotConfiguredError):
        return NotFoundError(message, code="CAMERA_NOT_CONFIGURED")
    if isinstance(error, SourceFormatError):
        return BadGatewayError(message, code="CAMERA_NOT_MJPEG")
    if isinstance(error, SourceTimeoutError):
        return UpstreamTimeoutError(message, code="CAMERA_TIMEOUT")
    return UnavailableError(message, code="CAMERA_UNAVAILABLE", retry_after=5)


def _source(source: CameraUrl | SnapshotCamera | TestPicture, timeout: float) -> tuple[CameraSource, Source]:
    if isinstance(source, TestPicture):
        return "drawn", test_picture_source(source)
    if isinstance(source, SnapshotCamera):
        return "snapshots", _snapshot_source(source, timeout)
    return "mjpeg", _mjpeg_source(source, timeout)


def _snapshot_source(camera: SnapshotCamera, timeout: float) -> Source:
    return lambda: open_snapshots(camera.url, fps=camera.fps, connect_timeout=min(timeout, 5.0), stall_timeout=timeout)


def _mjpeg_source(camera_url: CameraUrl, timeout: float) -> Source:
    @asynccontextmanager
    async def open_camera() -> AsyncIterator[AsyncIterator[Frame]]:
        try:
            url = await camera_url()
        except PrinterError:
            raise SourceUnavailableError("The printer can't be asked for its camera.") from None
        if not url:
            raise CameraNotConfiguredError("This printer has no camera.")
        async with open_mjpeg(url, connect_timeout=min(timeout, 5.0), stall_timeout=timeout) as frames:
            yield frames

    return open_camera
