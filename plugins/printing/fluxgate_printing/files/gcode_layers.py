"""Layers of a file whose slicer doesn't say how many there are: PrusaSlicer and SuperSlicer mark each one.

The whole file is read for that, a piece at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

__all__ = ["MARK", "count_layers"]

MARK = b"\n;LAYER_CHANGE"
_HEIGHT = b"\n;Z:"
_PIECE = 1024 * 1024
_MOST = 100_000
"""Layers that a file can have; it is 10 m of the thinnest."""
_LONGEST = 64
"""Bytes of a mark, or of a layer's height, that may lie across two pieces."""
_NUMBER = re.compile(rb"(\d{1,5}(?:\.\d{1,6})?|\.\d{1,6})\r?\n")


def count_layers(file: BinaryIO) -> tuple[int | None, float | None]:
    """How many layers there are and where the highest one ends, in mm; None for what isn't marked. Blocks; only
    `OSError` is raised."""
    layers, looked_at, top, before = 0, 0, 0.0, b""
    file.seek(0)
    while piece := file.read(_PIECE):
        joined = before + piece
        layers += joined.count(MARK) - before.count(MARK)
        # The highest, not the last: objects may be printed one after the other.
        for height in islice(_heights(joined), _MOST - looked_at):
            looked_at += 1
            top = max(top, height)
        before = joined[-_LONGEST:]
    return (layers if 0 < layers <= _MOST else None), (top or None)


def _heights(text: bytes) -> Iterator[float]:
    position = text.find(_HEIGHT)
    while position >= 0:
        position += len(_HEIGHT)
        number = _NUMBER.match(text, position)
        yield float(number.group(1)) if number else 0.0
        position = text.find(_HEIGHT, position)
