"""How an API key is written: `fg_<id>_<secret><checksum>`.

The prefix and the checksum (CRC-32 of all before it, six base62 digits) let secret scanners recognise a key that was
published by mistake, and let the gateway refuse a mistyped one without a look into its database. The id isn't secret;
the secret has 256 random bits, so its plain SHA-256 is enough to keep.
"""

from __future__ import annotations

import re
import secrets
import zlib
from hashlib import sha256

import msgspec

from fluxgate.credentials import KEY_PREFIX

__all__ = ["KEY_PATTERN", "NewKey", "ParsedKey", "new_key", "parse_key", "secret_hash"]

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID = 12
_SECRET = 43  # base62 digits of 256 bits
_CHECKSUM = 6
KEY_PATTERN = rf"{KEY_PREFIX.decode()}[0-9A-Za-z]{{{_ID}}}_[0-9A-Za-z]{{{_SECRET + _CHECKSUM}}}"
"""For secret scanners."""

_KEY = re.compile(KEY_PATTERN.encode())


class NewKey(msgspec.Struct, frozen=True):
    """A key that was just made: `text` is shown once, `id` and `secret_hash` are kept."""

    id: str
    text: str
    secret_hash: str


class ParsedKey(msgspec.Struct, frozen=True):
    """A key's parts."""

    id: str
    secret_hash: str


def new_key() -> NewKey:
    """A new key."""
    identifier = "".join(secrets.choice(_DIGITS) for _ in range(_ID))
    secret = _base62(secrets.randbits(256), _SECRET)
    stem = f"{KEY_PREFIX.decode()}{identifier}_{secret}"
    return NewKey(identifier, stem + _checksum(stem), secret_hash(secret))


def parse_key(text: bytes) -> ParsedKey | None:
    """The parts of a key, or None if this can't be one."""
    if not _KEY.fullmatch(text):
        return None
    key = text.decode("ascii")
    stem = key[:-_CHECKSUM]
    if _checksum(stem) != key[-_CHECKSUM:]:
        return None
    _, identifier, secret = stem.split("_")
    return ParsedKey(identifier, secret_hash(secret))


def secret_hash(secret: str) -> str:
    """What is kept of a secret."""
    return sha256(secret.encode("ascii")).hexdigest()


def _checksum(stem: str) -> str:
    return _base62(zlib.crc32(stem.encode("ascii")), _CHECKSUM)


def _base62(number: int, digits: int) -> str:
    text = ""
    for _ in range(digits):
        number, digit = divmod(number, 62)
        text = _DIGITS[digit] + text
    return text
