"""Signed links: one GET of one path and query, for a while, for whoever has the link.

`?fg_link=<claims>.<signature>`: the claims say whose link it is and until when; the signature (HMAC-SHA-256) covers
them, the method, the path's raw bytes and the rest of the query, so no byte of them can be changed. The caller's
roles are those of when the link was made; the route's policy is asked again each time.
"""

from __future__ import annotations

import hmac
import logging
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Literal

import msgspec

from fluxgate.auth.rejection import rejected
from fluxgate.auth.signing import SigningSecret
from fluxgate.errors import UnavailableError
from fluxgate.principal import Principal

__all__ = ["LinkClaims", "LinkMethod", "Links"]

LinkMethod = Literal["GET", "HEAD"]
_PURPOSE = b"fluxgate link v1"
_SIGNATURE = 43
_LONGEST = 8192

logger = logging.getLogger("fluxgate.auth")


class LinkClaims(msgspec.Struct, frozen=True, array_like=True):
    """What a link says of itself. `expires_at`: seconds since 1970; `key_id`: the API key that it was made with."""

    expires_at: int
    method: LinkMethod
    id: str
    roles: frozenset[str]
    groups: frozenset[str]
    scopes: frozenset[str] | None
    key_id: str = ""

    @property
    def principal(self) -> Principal:
        """Whose link it is."""
        return Principal(
            id=self.id,
            roles=self.roles,
            groups=self.groups,
            scopes=self.scopes,
            method="link",
            credential=self.key_id,
        )


class Links:
    """Signs and checks."""

    def __init__(self, secret: SigningSecret) -> None:
        self._secret = secret

    def sign(self, claims: LinkClaims, path: bytes, query: bytes) -> str:
        """The link's parameter, for a raw path and query. Raises UnavailableError where there is no secret."""
        stem = urlsafe_b64encode(msgspec.json.encode(claims)).rstrip(b"=")
        return (stem + b"." + self._signature(stem, path, query)).decode("ascii")

    def check(self, link: bytes, method: str, path: bytes, query: bytes) -> LinkClaims:
        """The claims of a link that came with this request. Raises UnauthenticatedError; UnavailableError where there
        is no secret."""
        stem, _, signature = link.partition(b".")
        if len(link) > _LONGEST or len(signature) != _SIGNATURE:
            raise rejected("it isn't a signed link")
        if not hmac.compare_digest(signature, self._signature(stem, path, query)):
            raise rejected("its signature isn't that of this path and query")
        try:
            encoded = urlsafe_b64decode(stem + b"=" * (-len(stem) % 4))
            claims = msgspec.json.decode(encoded, type=LinkClaims)
        except (msgspec.DecodeError, Base64Error, ValueError):
            raise rejected("it isn't a signed link") from None
        if method != claims.method and not (method == "HEAD" and claims.method == "GET"):
            raise rejected(f"it is good for {claims.method} only")
        if claims.expires_at <= time.time():
            raise rejected("it has expired", expired=True)
        return claims

    def _signature(self, stem: bytes, path: bytes, query: bytes) -> bytes:
        # Neither path nor query can hold a zero byte, so parts can't be shifted.
        signed = b"\0".join((stem, path, query))
        try:
            key = self._secret.key(_PURPOSE)
        except OSError as error:
            logger.error("the secret that signs links can't be had: %s", error)
            message = "Links can't be signed or checked at the moment."
            raise UnavailableError(message, code="LINKS_UNAVAILABLE") from error
        return urlsafe_b64encode(hmac.digest(key, signed, "sha256")).rstrip(b"=")
