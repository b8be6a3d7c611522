"""WebSocket frames (RFC 6455 §5), as far as a relay has to know them: where they end, and how to say goodbye.

The relay passes bytes. It looks at frame headers on the way for one reason: a close frame of its own may only be put
between two frames of the peer's.
"""

from __future__ import annotations

import os

__all__ = ["GOING_AWAY", "INTERNAL_ERROR", "FrameTracker", "close_frame"]

GOING_AWAY = 1001
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011
"""Also for an upstream that died: 1014 (bad gateway) would fit better, but isn't RFC 6455's and not every client takes
it."""

_CLOSE = 8


class FrameTracker:
    """Follows one direction of a connection. `closing`: a close frame has begun to pass; no other may follow it."""

    __slots__ = ("_head", "_left", "closing")

    def __init__(self) -> None:
        self._left = 0
        self._head = b""
        self.closing = False

    @property
    def at_boundary(self) -> bool:
        """Whether what passed so far is whole frames. Those may be fragments: a close frame may stand between them."""
        return not self._left and not self._head

    @property
    def closed(self) -> bool:
        """Whether a whole close frame has passed."""
        return self.closing and self.at_boundary

    def feed(self, data: bytes) -> None:
        """Bytes that pass, in order, cut anywhere."""
        at = self._left
        size = len(data)
        if at >= size:
            self._left = at - size
            return
        if self._head:
            data = self._head + data
            size = len(data)
            self._head = b""
        while at < size:
            body = at + 2
            if body > size:
                break
            length = data[at + 1]
            if length & 0x80:
                body += 4  # the mask key, which may just as well be counted as a part of the payload
                length &= 0x7F
            if length > 125:
                extended = at + (4 if length == 126 else 10)
                if extended > size:
                    break
                body += extended - at - 2
                length = int.from_bytes(data[at + 2 : extended], "big")
            if data[at] & 0x0F == _CLOSE:
                self.closing = True
            at = body + length
        if at < size:
            self._head = data[at:]
            self._left = 0
        else:
            self._left = at - size


def close_frame(code: int, reason: bytes, *, masked: bool) -> bytes:
    """A close frame. `reason`: UTF-8, 123 bytes at most. `masked`: as a client's frames must be."""
    payload = code.to_bytes(2, "big") + reason
    if not masked:
        return bytes((0x80 | _CLOSE, len(payload))) + payload
    key = os.urandom(4)
    hidden = bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
    return bytes((0x80 | _CLOSE, 0x80 | len(payload))) + key + hidden
