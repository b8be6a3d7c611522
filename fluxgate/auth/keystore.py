"""API keys in the database: made, listed, looked up, revoked. The command line uses it without a running gateway."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import msgspec

from fluxgate.auth.apikeys import NewKey, new_key
from fluxgate.auth.claims import KEY_ID_PREFIX
from fluxgate.db import Database, Row
from fluxgate.principal import Principal

__all__ = ["KeyGrant", "KeyRecord", "KeyStore"]


class KeyGrant(msgspec.Struct, frozen=True, kw_only=True):
    """What a key is to be good for. `subject`: the id of whoever calls with it; by default the key's own,
    `key:<id>`. `scopes`: None is no restriction."""

    name: str
    subject: str = ""
    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    scopes: frozenset[str] | None = None
    expires_at: datetime | None = None


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is kept."""

    id: str
    name: str
    subject: str
    roles: frozenset[str]
    groups: frozenset[str]
    scopes: frozenset[str] | None
    secret_hash: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def unusable(self, now: datetime) -> str:
        """Why the key isn't taken any more; empty if it is."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else ""

    @property
    def principal(self) -> Principal:
        """Who calls with it."""
        return Principal(
            id=self.subject,
            name=self.name,
            roles=self.roles,
            groups=self.groups,
            scopes=self.scopes,
            method="key",
            credential=self.id,
        )


class KeyStore:
    """The table of keys. Every method raises UnavailableError while the database can't be reached."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, grant: KeyGrant, created_by: str) -> tuple[KeyRecord, NewKey]:
        """Make a key. Its text is in the second result, and nowhere else from then on."""
        key = new_key()
        record = KeyRecord(
            id=key.id,
            name=grant.name,
            subject=grant.subject or KEY_ID_PREFIX + key.id,
            roles=grant.roles,
            groups=grant.groups,
            scopes=grant.scopes,
            secret_hash=key.secret_hash,
            created_at=datetime.now(UTC),
            created_by=created_by,
            expires_at=grant.expires_at,
            last_used_at=None,
            revoked_at=None,
        )
        await self._database.fetch(
            "INSERT INTO fluxgate_api_keys"
            ' (id, name, subject, roles, "groups", scopes, secret_hash, created_at, created_by, expires_at)'
            " VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
            record.id,
            record.name,
            record.subject,
            _written(record.roles),
            _written(record.groups),
            None if record.scopes is None else _written(record.scopes),
            record.secret_hash,
            record.created_at,
            record.created_by,
            record.expires_at,
        )
        return record, key

    async def find(self, key_id: str) -> KeyRecord | None:
        """The key, revoked or not."""
        rows = await self._database.fetch("SELECT * FROM fluxgate_api_keys WHERE id = {}", key_id)
        return _record(rows[0]) if rows else None

    async def all(self) -> list[KeyRecord]:
        """Every key, the newest first."""
        return [
            _record(row)
            for row in await self._database.fetch("SELECT * FROM fluxgate_api_keys ORDER BY created_at DESC, id")
        ]

    async def revoke(self, key_id: str) -> KeyRecord | None:
        """Revoke a key for good; None if there is no such key. Twice does no harm."""
        now = datetime.now(UTC)
        await self._database.fetch(
            "UPDATE fluxgate_api_keys SET revoked_at = {} WHERE id = {} AND revoked_at IS NULL", now, key_id
        )
        return await self.find(key_id)

    async def used(self, times: Mapping[str, datetime]) -> None:
        """Write down when keys were used last."""
        for key_id, at in times.items():
            await self._database.fetch(
                "UPDATE fluxgate_api_keys SET last_used_at = {} WHERE id = {}"
                " AND (last_used_at IS NULL OR last_used_at < {})",
                at,
                key_id,
                at,
            )


def _written(names: Collection[str]) -> str:
    return msgspec.json.encode(sorted(names)).decode()


def _read(text: str) -> frozenset[str]:
    return msgspec.json.decode(text, type=frozenset[str])


def _record(row: Row) -> KeyRecord:
    return KeyRecord(
        **{
            **row,
            "roles": _read(row["roles"]),
            "groups": _read(row["groups"]),
            "scopes": None if row["scopes"] is None else _read(row["scopes"]),
        }
    )
