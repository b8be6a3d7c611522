"""One upstream stream to many clients; slow ones lose frames, and cost and delay nobody else.

`source` → `broadcast` → `response`; `mjpeg`, read with `multipart`, and `snapshots` are sources.
"""

from fluxgate.streams.broadcast import LatestFrameBroadcast, StreamStats, Viewer
from fluxgate.streams.mjpeg import open_mjpeg
from fluxgate.streams.response import problem_of, serve_mjpeg, serve_snapshot
from fluxgate.streams.snapshots import open_snapshots
from fluxgate.streams.source import (
    Frame,
    Source,
    SourceError,
    SourceFormatError,
    SourceTimeoutError,
    SourceUnavailableError,
)

__all__ = [
    "Frame",
    "LatestFrameBroadcast",
    "Source",
    "SourceError",
    "SourceFormatError",
    "SourceTimeoutError",
    "SourceUnavailableError",
    "StreamStats",
    "Viewer",
    "open_mjpeg",
    "open_snapshots",
    "problem_of",
    "serve_mjpeg",
    "serve_snapshot",
]
