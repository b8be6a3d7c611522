"""A verified token's claims → one principal, as `[auth.jwt.claims]` says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from fluxgate.auth.rejection import rejected
from fluxgate.principal import LOCAL, Principal
from fluxgate.settings import ClaimSettings

__all__ = ["KEY_ID_PREFIX", "ClaimsMapper", "claim_at"]

KEY_ID_PREFIX = "key:"
"""How the id of an API key's own principal begins. No issuer's may."""
MAX_ID = 255
_MISSING = object()
_SEPARATORS = re.compile(r"[\s,]+")


class ClaimsMapper:
    """One issuer's. `prefix` stands before every id; ids that would begin with one of `reserved`, the other issuers'
    prefixes, are refused, so that nobody speaks for another's callers."""

    def __init__(self, settings: ClaimSettings, prefix: str, reserved: Iterable[str] = ()) -> None:
        self._settings = settings
        self._prefix = prefix
        # A longer prefix of one's own that begins with another's is no pretence: `eu:` and `eu:berlin:`.
        foreign = (other for other in reserved if other and not prefix.startswith(other))
        self._reserved = (KEY_ID_PREFIX, *foreign)

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """The caller. Raises UnauthenticatedError for claims that don't name one."""
        settings = self._settings
        subject = claim_at(claims, settings.id)
        if not isinstance(subject, str) or not subject.strip() or not subject.isprintable():
            raise rejected(f"the claim {settings.id} names nobody")
        identifier = self._prefix + subject
        if len(identifier) > MAX_ID:
            raise rejected(f"the claim {settings.id} is longer than {MAX_ID} characters")
        if identifier.startswith(self._reserved) or identifier == LOCAL.id:
            raise rejected(f"the claim {settings.id} is the name of somebody whom this issuer doesn't speak for")
        name = claim_at(claims, settings.name) if settings.name else None
        return Principal(
            id=identifier,
            name=name if isinstance(name, str) else "",
            roles=self._roles(claims),
            groups=self._names(claims, settings.groups) or frozenset(),
            scopes=self._scopes(claims),
            method="token",
        )

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[str]:
        roles = self._names(claims, self._settings.roles) or frozenset()
        if mapping := self._settings.role_map:
            roles = frozenset(own for role in roles for own in mapping.get(role, ()))
        return roles or frozenset(self._settings.default_roles)

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[str] | None:
        if not self._settings.scopes:
            return None
        scopes = self._names(claims, self._settings.scopes)
        return frozenset() if scopes is None and not self._settings.scopes_optional else scopes

    def _names(self, claims: Mapping[str, Any], path: str) -> frozenset[str] | None:
        """The names at `path`; None if the claim isn't there."""
        value = claim_at(claims, path) if path else None
        if value is None:
            return None
        if isinstance(value, str):
            return frozenset(_SEPARATORS.split(value)) - {""}
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return frozenset(value) - {""}
        raise rejected(f"the claim {path} is neither a list of names nor text")


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; None if there is none. A claim whose own name has dots (a URL) is found too."""
    found = claims.get(path, _MISSING)
    if found is not _MISSING:
        return found
    at = path.find(".")
    while at >= 0:
        below = claims.get(path[:at])
        if isinstance(below, Mapping) and (value := claim_at(below, path[at + 1 :])) is not None:
            return value
        at = path.find(".", at + 1)
    return None
