"""Browser sessions: a random cookie, kept as its SHA-256, that stands for a principal until it ends.

What a session can do, it can do only while what it was made with is good: a key's dies with the key, a token's with
the token (unless the settings let it go on). Its CSRF token is derived from the cookie, so it needs no place of its
own and nobody who can't read the cookie can make it.
"""

from __future__ import annotations

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec

from fluxgate.auth.keyring import Keyring
from fluxgate.auth.recent import Recent
from fluxgate.auth.rejection import rejected
from fluxgate.principal import Principal
from fluxgate.settings import SessionSettings
from fluxgate.store import Store

__all__ = ["LiveSession", "NewSession", "Sessions", "csrf_token"]

REMEMBERED = 4096
_CLEAN_EVERY = 600.0
_BYTES = 32
_LONGEST_COOKIE = 64
_CSRF = b"fluxgate csrf v1"


class NewSession(msgspec.Struct, frozen=True):
    """A session that was just made. `cookie` is shown to the browser and kept nowhere; `max_age` in seconds."""

    cookie: str
    csrf: str
    max_age: int


class LiveSession(msgspec.Struct, frozen=True):
    """A session that holds. `key_id`: the API key that it was made with."""

    id_hash: str
    principal: Principal
    csrf: str
    key_id: str


class Sessions:
    """The sessions of one gateway process."""

    def __init__(self, settings: SessionSettings, store: Store, keyring: Keyring, on_ended: Callable[[], None]) -> None:
        """`on_ended` is called when sessions have ended here before their time, with their key too."""
        self._settings = settings
        self._on_ended = on_ended
        self._store = store
        self._keyring = keyring
        self._recent: Recent[LiveSession] = Recent(REMEMBERED)
        self._forgotten = 0
        self._cleaned_at = -_CLEAN_EVERY

    async def create(self, principal: Principal, *, key_id: str = "", ends_at: float | None = None) -> NewSession:
        """Make a session for a caller. `ends_at`: when its token expires (seconds since 1970)."""
        now = datetime.now(UTC)
        lifetime = self._settings.max_age
        if ends_at is not None and not self._settings.outlive_token:
            lifetime = min(lifetime, ends_at - now.timestamp())
        if lifetime < 1:
            raise rejected("the token expires too soon for a session", expired=True)
        cookie = urlsafe_b64encode(secrets.token_bytes(_BYTES)).rstrip(b"=").decode("ascii")
        id_hash = sha256(cookie.encode("ascii")).hexdigest()
        kept = msgspec.structs.replace(principal, method="session", credential=id_hash[:16])
        database = self._store.require()
        await self._clean_up(now)
        await database.fetch(
            "INSERT INTO fluxgate_sessions (id_hash, principal_id, principal, key_id, created_at, expires_at)"
            " VALUES ({}, {}, {}, {}, {}, {})",
            id_hash,
            principal.id,
            msgspec.json.encode(kept).decode(),
            key_id or None,
            now,
            now + timedelta(seconds=lifetime),
        )
        return NewSession(cookie, csrf_token(cookie.encode("ascii")), int(lifetime))

    def remembered(self, digest: bytes, now: float) -> LiveSession | None:
        """A session that was verified a moment ago. `digest`: the cookie's SHA-256; `now`: monotonic seconds."""
        return self._recent.get(digest, now)

    async def verify(self, cookie: bytes, digest: bytes) -> LiveSession:
        """The session of a cookie. Raises UnauthenticatedError; UnavailableError while the database is away."""
        if len(cookie) > _LONGEST_COOKIE:
            raise rejected("it is no session of ours")
        id_hash = digest.hex()
        forgotten = self._forgotten
        rows = await self._store.require().fetch(
            "SELECT principal, key_id, expires_at FROM fluxgate_sessions WHERE id_hash = {}", id_hash
        )
        left = (rows[0]["expires_at"] - datetime.now(UTC)).total_seconds() if rows else 0.0
        if left <= 0:
            raise rejected("there is no such session, or it has ended", expired=True)
        key_id: str = rows[0]["key_id"] or ""
        if key_id:
            await self._keyring.check_valid(key_id)
        principal = msgspec.json.decode(rows[0]["principal"], type=Principal)
        session = LiveSession(id_hash, principal, csrf_token(cookie), key_id)
        if forgotten == self._forgotten:
            self._recent.put(digest, session, time.monotonic() + min(left, self._settings.cache_seconds))
        return session

    async def end(self, id_hash: str) -> None:
        """End one session; here at once, at other replicas within the cache's time."""
        await self._store.require().fetch("DELETE FROM fluxgate_sessions WHERE id_hash = {}", id_hash)
        self._forget(lambda session: session.id_hash == id_hash)

    async def end_all(self, principal_id: str) -> None:
        """End all sessions of a caller."""
        await self._store.require().fetch("DELETE FROM fluxgate_sessions WHERE principal_id = {}", principal_id)
        self._forget(lambda session: session.principal.id == principal_id)

    def forget_key(self, key_id: str) -> None:
        """A key was revoked here: its sessions are looked up again."""
        self._forget(lambda session: session.key_id == key_id)

    def _forget(self, which: Callable[[LiveSession], bool]) -> None:
        # What is being read from the database at this moment isn't remembered either.
        self._forgotten += 1
        self._recent.drop(which)
        self._on_ended()

    async def _clean_up(self, now: datetime) -> None:
        """Delete what has ended, now and then."""
        if time.monotonic() - self._cleaned_at >= _CLEAN_EVERY:
            self._cleaned_at = time.monotonic()
            await self._store.require().fetch("DELETE FROM fluxgate_sessions WHERE expires_at <= {}", now)


def csrf_token(cookie: bytes) -> str:
    """The CSRF token that belongs to a session's cookie."""
    return urlsafe_b64encode(hmac.digest(cookie, _CSRF, "sha256")).rstrip(b"=").decode("ascii")
