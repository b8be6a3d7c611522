"""Pictures of the model that slicers put into a G-code file, as base64 between `; thumbnail begin 220x124 5432` and
`; thumbnail end`: PNG, and as `thumbnail_JPG` and `thumbnail_QOI`.

What is listed was decoded once and begins as its format does; pictures are read again from the file when they are asked
for.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from fluxgate_printing.files.analysis import Thumbnail

__all__ = ["LARGEST", "SHOWN", "best_thumbnail", "find_thumbnails", "read_thumbnail"]

LARGEST = 1024 * 1024
"""Bytes of base64 that one picture may have."""
_MOST = 16
_MOST_PIXELS = 10_000
"""On either side."""

_BEGIN = re.compile(
    rb"^;[ \t]*thumbnail(?:_(?:PNG|JPG|QOI))?[ \t]+begin[ \t]+\d{1,5}[xX ]\d{1,5}\b[^\r\n]{0,40}\r?\n", re.MULTILINE
)
_END = re.compile(rb"^;[ \t]*thumbnail(?:_[A-Z]{3})?[ \t]+end\b", re.MULTILINE)
_FRAME = re.compile(rb"[;\s]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
SHOWN = frozenset({"png", "jpeg"})
"""What browsers show."""
_JPEG_SIZES = frozenset({*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)})

Format = Literal["png", "jpeg", "qoi"]


def find_thumbnails(head: bytes) -> tuple[Thumbnail, ...]:
    """The pictures in the first bytes of a file; what is broken, or too large, isn't listed. Never raises."""
    return tuple(_found(head))


def best_thumbnail(thumbnails: Iterable[Thumbnail], size: int | None = None) -> Thumbnail | None:
    """The largest that a browser shows and that is `size` pixels at most on its longer side; the smallest, if all are
    larger. None if there is none."""
    shown = sorted((one for one in thumbnails if one.format in SHOWN), key=lambda one: max(one.width, one.height))
    small = [one for one in shown if size is None or max(one.width, one.height) <= size]
    return small[-1] if small else next(iter(shown), None)


def read_thumbnail(path: Path, thumbnail: Thumbnail) -> bytes | None:
    """The picture, from the file in which it was found; blocks. None if it isn't there. Only `OSError` is raised."""
    with path.open("rb") as file:
        file.seek(thumbnail.offset)
        return _decoded(file.read(min(thumbnail.length, LARGEST)))


def _found(head: bytes) -> Iterator[Thumbnail]:
    position = 0
    for _ in range(_MOST):
        begin = _BEGIN.search(head, position)
        if begin is None:
            return
        end = _END.search(head, begin.end(), begin.end() + LARGEST)
        if end is None:
            position = begin.end()
            continue
        position = end.end()
        picture = _decoded(head[begin.end() : end.start()])
        measured = None if picture is None else _measured(picture)
        if measured is not None:
            format_, width, height = measured
            yield Thumbnail(
                format=format_, width=width, height=height, offset=begin.end(), length=end.start() - begin.end()
            )


def _decoded(block: bytes) -> bytes | None:
    text = _FRAME.sub(b"", block)
    if not _BASE64.fullmatch(text):
        return None
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return None


def _measured(picture: bytes) -> tuple[Format, int, int] | None:
    """Format, width and height of a picture, by its own first bytes."""
    found: tuple[Format, int, int] | None = None
    if picture.startswith(b"\x89PNG\r\n\x1a\n") and picture[12:16] == b"IHDR" and len(picture) >= 24:
        found = ("png", *struct.unpack(">II", picture[16:24]))
    elif picture.startswith(b"qoif") and len(picture) >= 12:
        found = ("qoi", *struct.unpack(">II", picture[4:12]))
    elif picture.startswith(b"\xff\xd8\xff") and (size := _jpeg_size(picture)) is not None:
        found = ("jpeg", *size)
    if found is None or not (0 < found[1] <= _MOST_PIXELS and 0 < found[2] <= _MOST_PIXELS):
        return None
    return found


def _jpeg_size(picture: bytes) -> tuple[int, int] | None:
    """From the first frame header; None if there is none before the picture's data."""
    position = 2
    while position + 9 <= len(picture) and picture[position] == 0xFF:
        marker = picture[position + 1]
        if marker in _JPEG_SIZES:
            height, width = struct.unpack(">HH", picture[position + 5 : position + 9])
            return width, height
        position += 2 + max(2, int.from_bytes(picture[position + 2 : position + 4]))
    return None
