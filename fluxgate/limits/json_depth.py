"""How deep a JSON text nests, found without decoding it: a decoder that is handed a deep one recurses as deep."""

from __future__ import annotations

import re
from itertools import accumulate

__all__ = ["is_deeper"]

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_STEPS = bytes(1 if byte in b"[{" else 255 for byte in range(256))
"""Opening brackets as 1, closing ones as -1."""
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def is_deeper(text: bytes, depth: int) -> bool:
    """Whether arrays and objects nest more than `depth` deep. What isn't JSON gets one answer or the other."""
    if text.count(b"[") + text.count(b"{") <= depth:
        return False
    brackets = _STRING.sub(b"", text).translate(_STEPS, _NO_BRACKETS)
    return max(accumulate(memoryview(brackets).cast("b")), default=0) > depth
