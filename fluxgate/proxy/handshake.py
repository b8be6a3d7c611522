"""An upstream's answer to the opening handshake (RFC 6455 §4.1): nothing of a 101 that is wrong reaches the client."""

from __future__ import annotations

from fluxgate.handshake import accept_of, listed, tokens, values
from fluxgate.proxy.failures import MalformedError
from fluxgate.types import RawHeaders

__all__ = ["check_answer"]


def check_answer(answer: RawHeaders, asked: RawHeaders, key: bytes) -> None:
    """`MalformedError` unless `answer`, the fields of a 101, agrees to what was `asked` of the upstream (§4.1)."""
    if tokens(answer, b"upgrade") != [b"websocket"] or b"upgrade" not in tokens(answer, b"connection"):
        raise MalformedError("the upstream switched to something that isn't WebSocket")
    if values(answer, b"sec-websocket-accept") != [accept_of(key)]:
        raise MalformedError("the upstream's Sec-WebSocket-Accept is wrong")
    for name, what in ((b"sec-websocket-protocol", "subprotocol"), (b"sec-websocket-extensions", "extension")):
        offered = {_name(item) for item in listed(asked, name)}
        chosen = [_name(item) for item in listed(answer, name)]
        if not offered.issuperset(chosen):
            raise MalformedError(f"the upstream chose a {what} that wasn't offered")
    if len(listed(answer, b"sec-websocket-protocol")) > 1:
        raise MalformedError("the upstream chose several subprotocols")


def _name(item: bytes) -> bytes:
    return item.partition(b";")[0].strip()
