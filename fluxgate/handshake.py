"""The opening handshake (RFC 6455 §4): what a client's must be, and which sites' pages may send it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from fluxgate.errors import BadRequestError, ForbiddenError, UpgradeRequiredError
from fluxgate.types import RawHeaders, Scope

__all__ = [
    "ANY_ORIGIN",
    "Handshake",
    "OriginRule",
    "accept_of",
    "asked_host",
    "listed",
    "origin_of",
    "read_handshake",
    "tokens",
    "values",
]

ANY_ORIGIN = "*"

_KEY = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==\Z")
"""16 bytes in base64."""
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_ACCEPT_SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Handshake(msgspec.Struct, frozen=True):
    """A client's, once it is right. `host`: its Host field."""

    headers: RawHeaders
    host: bytes
    key: bytes
    origins: tuple[bytes, ...]


def read_handshake(scope: Scope) -> Handshake:
    """The handshake in a GET request. Raises `BadRequestError`, and `UpgradeRequiredError` for what is none, or one of
    another version."""
    headers: RawHeaders = list(scope["headers"])
    if scope["http_version"] != "1.1" or b"websocket" not in tokens(headers, b"upgrade"):
        raise UpgradeRequiredError("There is a WebSocket at this path, and nothing else.", field="upgrade")
    if b"upgrade" not in tokens(headers, b"connection"):
        raise _bad("Connection must say upgrade, as Upgrade names a protocol.", "connection")
    for name in (b"content-length", b"transfer-encoding"):
        if values(headers, name):
            raise _bad("A WebSocket handshake has no body.", name.decode())
    versions = values(headers, b"sec-websocket-version")
    if versions != [b"13"]:
        raise UpgradeRequiredError("The version of WebSocket must be 13.", field="sec-websocket-version")
    keys = values(headers, b"sec-websocket-key")
    if len(keys) != 1 or not _KEY.match(keys[0]):
        raise _bad("Sec-WebSocket-Key must be 16 bytes in base64, once.", "sec-websocket-key")
    protocols = listed(headers, b"sec-websocket-protocol")
    if len(set(protocols)) != len(protocols) or not all(map(_TOKEN.match, protocols)):
        raise _bad("Sec-WebSocket-Protocol must be a list of different names.", "sec-websocket-protocol")
    hosts = values(headers, b"host")
    return Handshake(headers, hosts[0] if hosts else b"", keys[0], tuple(values(headers, b"origin")))


def asked_host(handshake: Handshake, *, trusted: bool) -> bytes:
    """The host that the browser asked, which a proxy of ours (`trusted`) may have replaced in Host."""
    if trusted:
        for name, value in handshake.headers:
            if name == b"x-forwarded-host":
                return value.partition(b",")[0].strip()
    return handshake.host


class OriginRule:
    """Which sites' pages may connect (RFC 6455 §10.2): browsers send a user's cookies along whoever asks them to."""

    def __init__(self, origins: Iterable[str], *, required: bool) -> None:
        """Raises `ValueError` for what isn't an origin."""
        self._any = ANY_ORIGIN in origins
        self._allowed = frozenset(_known(origin) for origin in origins if origin != ANY_ORIGIN)
        self._required = required

    def check(self, handshake: Handshake, asked_host: bytes) -> None:
        """`ForbiddenError` unless the page is of `asked_host` (a Host field's value) or of an allowed origin."""
        if not handshake.origins:
            if self._required:
                raise _foreign("This WebSocket takes only connections that say their Origin.")
            return
        if self._any:
            return
        origin = origin_of(handshake.origins[0].decode("latin-1")) if len(handshake.origins) == 1 else None
        if origin is None or (origin not in self._allowed and not _same_host(origin, asked_host)):
            raise _foreign("Pages of this origin may not connect.")


def origin_of(text: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of a serialised origin (RFC 6454 §6.2); None if it isn't one, like `null`."""
    text = text.lower()
    try:
        parts = urlsplit(text)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None or f"{parts.scheme}://{parts.netloc}" != text or "@" in text:
        return None
    return parts.scheme, parts.hostname, port


def accept_of(key: bytes) -> bytes:
    """The `Sec-WebSocket-Accept` that proves that the handshake with this key was understood."""
    return base64.b64encode(hashlib.sha1(key + _ACCEPT_SALT, usedforsecurity=False).digest())


def _known(text: str) -> tuple[str, str, int]:
    origin = origin_of(text)
    if origin is None:
        raise ValueError(f"{text!r} is not an origin (like https://shop.example.org, or {ANY_ORIGIN})")
    return origin


def _same_host(origin: tuple[str, str, int], asked_host: bytes) -> bool:
    # The scheme isn't compared: behind a proxy that ends TLS, only the browser knows it.
    scheme, host, port = origin
    asked = origin_of(f"{scheme}://{asked_host.decode('latin-1')}")
    return asked is not None and asked[1:] == (host, port)


def values(headers: RawHeaders, wanted: bytes) -> list[bytes]:
    """The values of all fields of this name, which is in lower case."""
    return [value for name, value in headers if name.lower() == wanted]


def listed(headers: RawHeaders, wanted: bytes) -> list[bytes]:
    """The items of the lists that all fields of this name have."""
    items = (item.strip() for value in values(headers, wanted) for item in value.split(b","))
    return [item for item in items if item]


def tokens(headers: RawHeaders, wanted: bytes) -> list[bytes]:
    """The same in lower case."""
    return [item.lower() for item in listed(headers, wanted)]


def _bad(message: str, field: str) -> BadRequestError:
    return BadRequestError(message, code="INVALID_HANDSHAKE", field=field)


def _foreign(message: str) -> ForbiddenError:
    return ForbiddenError(message, code="ORIGIN_NOT_ALLOWED", field="origin")
