"""WebSocket on raw sockets: handshakes right and wrong, frames built and taken apart, with no library in between."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from typing import NamedTuple

from tests.support.gateway import GatewayProcess
from tests.support.rawpeer import TIMEOUT, Answer, Peer, RawClient, Request

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE: dict[str, str] = {
    "Host": "gateway.test",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY.decode(),
}
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


class Frame(NamedTuple):
    """One frame; `payload` unmasked."""

    opcode: int
    payload: bytes
    masked: bool
    final: bool = True


def handshake(target: str, changed: Mapping[str, str | None] | None = None, *more: str, start: str = "") -> bytes:
    """A client's handshake, with these fields changed or, if None, left out, and `more` lines added."""
    fields = {**HANDSHAKE, **(changed or {})}
    lines = [start or f"GET {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([*lines, *more, "", ""]).encode("latin-1")


def accept_of(key: bytes) -> bytes:
    """What the server must answer to this key."""
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


def agreed(request: Request, *more: bytes) -> bytes:
    """The upstream's 101 to this handshake, with `more` fields."""
    (key,) = request.all(b"sec-websocket-key")
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + accept_of(key),
        *more,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def frame(payload: bytes, opcode: int = TEXT, *, masked: bool, final: bool = True) -> bytes:
    """One frame as it goes over the wire."""
    size = len(payload)
    mask = 0x80 if masked else 0
    head = bytes([(0x80 if final else 0) | opcode])
    if size < 126:
        head += bytes([mask | size])
    elif size < 65536:
        head += bytes([mask | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([mask | 127]) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + _masked(payload, key)


def close_payload(code: int, reason: bytes = b"") -> bytes:
    """What a close frame holds."""
    return code.to_bytes(2, "big") + reason


def frames_in(data: bytes) -> list[Frame]:
    """Take whole frames apart; `AssertionError` if something is left over."""
    frames = []
    at = 0
    while at < len(data):
        found, at = _frame_at(data, at)
        assert found is not None, data[at:]
        frames.append(found)
    return frames


def says_goodbye(data: bytes | bytearray) -> bool:
    """Whether a close frame is among the frames that have come as a whole."""
    found, at = _frame_at(data, 0)
    while found is not None and found.opcode != CLOSE:
        found, at = _frame_at(data, at)
    return found is not None


def next_frame(source: RawClient | Peer, unread: bytearray) -> Frame:
    """The next frame from a connection; `unread` keeps what comes behind it."""
    while True:
        found, end = _frame_at(unread, 0)
        if found is not None:
            del unread[:end]
            return found
        data = source.read_some() if isinstance(source, RawClient) else source.sock.recv(65536)
        assert data, f"the connection ended, with {bytes(unread)!r} of a frame"
        unread += data


def connected(gateway: GatewayProcess, target: str, *behind: bytes) -> tuple[RawClient, Answer]:
    """A raw connection after its 101."""
    client = gateway.client()
    client.sock.settimeout(TIMEOUT)
    client.send(handshake(target), *behind)
    answer = client.answer()
    assert answer.status == 101, answer
    return client, answer


def _frame_at(data: bytes | bytearray, at: int) -> tuple[Frame | None, int]:
    """The frame that begins there, if all of it is there, and where it ends."""
    begin, at = at, at + 2
    if len(data) < at:
        return None, begin
    size = data[begin + 1] & 0x7F
    if size > 125:
        extended = 2 if size == 126 else 8
        size, at = int.from_bytes(data[at : at + extended], "big"), at + extended
    masked = bool(data[begin + 1] & 0x80)
    key = bytes(data[at : at + 4]) if masked else b""
    at += 4 if masked else 0
    if len(data) < at + size:
        return None, begin
    payload = bytes(data[at : at + size])
    first = data[begin]
    return Frame(first & 0x0F, _masked(payload, key) if masked else payload, masked, bool(first & 0x80)), at + size


def _masked(payload: bytes, key: bytes) -> bytes:
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")
