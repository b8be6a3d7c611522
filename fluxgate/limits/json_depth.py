"""How deep a JSON text nests, found without decoding it: a decoder that is handed a deep one recurses as deep."""

from __future__ import annotations

from itertools import accumulate

__all__ = ["is_deeper"]

_STEPS = bytes(1 if byte in b"[{" else 255 for byte in range(256))
"""Opening brackets as 1, closing ones as -1."""
_OTHERS = bytes(byte for byte in range(256) if byte not in b'[]{}"')


def is_deeper(text: bytes, depth: int) -> bool:
    """Whether arrays and objects nest more than `depth` deep. What isn't JSON gets one answer or the other."""
    if text.count(b"[") + text.count(b"{") <= depth:
        return False
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes side by side are a string without brackets, or the end of one and the beginning of the next: without
    # them, what is in a string still is. Few strings are left to be cut out.
    marks = text.translate(None, _OTHERS).replace(b'""', b"")
    brackets = b"".join(marks.split(b'"')[::2]).translate(_STEPS)
    return max(accumulate(memoryview(brackets).cast("b")), default=0) > depth
