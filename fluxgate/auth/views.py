"""What the routes below `/-/auth/` take and answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fluxgate.auth.claims import KEY_ID_PREFIX
from fluxgate.auth.keystore import KeyGrant, KeyRecord
from fluxgate.principal import LOCAL, Method, Principal

__all__ = [
    "CsrfView",
    "KeyCreated",
    "KeyRequest",
    "KeyView",
    "LinkRequest",
    "LinkView",
    "MeView",
    "SessionView",
    "SignOut",
    "SignedOutView",
]

Name = Annotated[str, Meta(pattern=r"^[^\s,\x00-\x1f\x7f]{1,100}$(?!\n)", description="No spaces, no commas.")]
# `$(?!\n)`: Python's `$` alone would let a line end stand behind it.
Seconds = Annotated[float, Meta(ge=1, le=315_360_000, description="Seconds.")]


class MeView(msgspec.Struct, frozen=True, kw_only=True):
    """Who is calling. `scopes`: null is no restriction. `open`: nobody is asked on this gateway, there is nothing to
    sign in to."""

    id: str
    name: str
    roles: list[str]
    groups: list[str]
    scopes: list[str] | None
    method: Method
    open: bool

    @classmethod
    def of(cls, principal: Principal) -> MeView:
        """The view of a principal."""
        return cls(
            id=principal.id,
            name=principal.name,
            roles=sorted(principal.roles),
            groups=sorted(principal.groups),
            scopes=None if principal.scopes is None else sorted(principal.scopes),
            method=principal.method,
            open=principal.method == "open",
        )


class CsrfView(msgspec.Struct, frozen=True):
    """What `X-CSRF-Token` has to be in a session's changes; empty where none is needed."""

    csrfToken: str  # noqa: N815 - as FluxStudio's frontend reads it


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was made. `expires_at`: null on an open gateway, which needs none."""

    principal: MeView
    csrfToken: str  # noqa: N815
    expires_at: datetime | None


class SignOut(msgspec.Struct, frozen=True, kw_only=True):
    """The query of a sign-out."""

    everywhere: Annotated[bool, Meta(description="End all sessions of the caller, not only this one.")] = False


class SignedOutView(msgspec.Struct, frozen=True):
    """What was ended."""

    ended: Literal["session", "everywhere", "nothing"]


class KeyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to be made. `subject`: the id of whoever calls with it; if not set, the key's own. `scopes`: null is no
    restriction. `expires_in`: null is never."""

    name: Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,100}$(?!\n)")]
    subject: Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,255}$(?!\n)")] | None = None
    roles: frozenset[Name] = frozenset()
    groups: frozenset[Name] = frozenset()
    scopes: frozenset[Name] | None = None
    expires_in: Seconds | None = None

    def __post_init__(self) -> None:
        if self.subject is not None and (self.subject.startswith(KEY_ID_PREFIX) or self.subject == LOCAL.id):
            raise ValueError("subject: this id is nobody's to give")

    def grant(self, now: datetime) -> KeyGrant:
        """What is asked for, at a moment."""
        return KeyGrant(
            name=self.name,
            subject=self.subject or "",
            roles=self.roles,
            groups=self.groups,
            scopes=self.scopes,
            expires_at=None if self.expires_in is None else now + timedelta(seconds=self.expires_in),
        )


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without its secret."""

    id: str
    name: str
    subject: str
    roles: list[str]
    groups: list[str]
    scopes: list[str] | None
    status: Literal["active", "expired", "revoked"]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, record: KeyRecord, now: datetime) -> KeyView:
        """The view of a key at a moment."""
        status = record.unusable(now)
        return cls(
            id=record.id,
            name=record.name,
            subject=record.subject,
            roles=sorted(record.roles),
            groups=sorted(record.groups),
            scopes=None if record.scopes is None else sorted(record.scopes),
            status="active" if not status else "revoked" if status == "revoked" else "expired",
            created_at=record.created_at,
            created_by=record.created_by,
            expires_at=record.expires_at,
            last_used_at=record.last_used_at,
            revoked_at=record.revoked_at,
        )


class KeyCreated(msgspec.Struct, frozen=True, kw_only=True):
    """A new key. `key` is shown this once."""

    key: str
    record: KeyView


class LinkRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A link to be signed. `path`: path and query on this gateway, percent-encoded as they will be asked for;
    `expires_in`: at most `auth.links.max_age`."""

    path: Annotated[str, Meta(max_length=4096, pattern=r"^/(?:[!-\"$-.0-~][!-\"$-~]*)?$(?!\n)")]
    expires_in: Seconds
    method: Literal["GET", "HEAD"] = "GET"


class LinkView(msgspec.Struct, frozen=True):
    """A signed link. `url` is absolute if the gateway knows its public URL."""

    url: str
    expires_at: datetime
