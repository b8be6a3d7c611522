"""What a stream of pictures is made of: frames, the sources they come from, and how a source fails.

A new kind of source (RTSP, snapshots polled, a framed socket) is a function that returns an async context manager over
an async iterator of frames; entering it connects, leaving it disconnects.

SourceError
├── SourceUnavailableError   can't be reached, refuses, or ended the stream
├── SourceTimeoutError       reached, but stayed silent for too long
└── SourceFormatError        answers, but with something else than a stream of pictures
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import msgspec

from fluxgate.errors import FluxgateError


class SourceError(FluxgateError):
    """A source failed. The text is for people and names no internal address."""


class SourceUnavailableError(SourceError):
    """The source can't be reached, refuses, or ended the stream."""


class SourceTimeoutError(SourceError):
    """The source stayed silent for too long."""


class SourceFormatError(SourceError):
    """What the source sends isn't a stream of pictures."""


class Frame(msgspec.Struct, frozen=True):
    """One picture.

    `content_type` such as `image/jpeg`; `timestamp`: Unix time in seconds at which it arrived or was made.
    """

    content_type: str
    data: bytes
    timestamp: float


Source = Callable[[], AbstractAsyncContextManager[AsyncIterator[Frame]]]
"""Opens the stream once per call.

Entering and iterating raise `SourceError`s; any other exception counts as a defect and is logged.
"""
