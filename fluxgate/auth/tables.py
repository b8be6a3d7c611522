"""The gateway's own tables of credentials. Nothing in them lets anybody in: secrets are there as their SHA-256 only.

All times are with time zone, in UTC. Lists of names are JSON.
"""

from __future__ import annotations

from piccolo.columns import Text, Timestamptz, Varchar
from piccolo.table import Table

__all__ = ["TABLES", "ApiKey", "Session"]


class ApiKey(Table, tablename="fluxgate_api_keys"):
    """An API key. `subject`: the id of whoever calls with it; `scopes`: null is no restriction. It is kept when it is
    revoked."""

    id = Varchar(length=16, primary_key=True)
    name = Varchar(length=255)
    subject = Varchar(length=255, index=True)
    roles = Text(default="[]")
    groups = Text(default="[]")
    scopes = Text(null=True, default=None)
    secret_hash = Varchar(length=64)
    created_at = Timestamptz()
    created_by = Varchar(length=255)
    expires_at = Timestamptz(null=True, default=None)
    last_used_at = Timestamptz(null=True, default=None)
    revoked_at = Timestamptz(null=True, default=None)


class Session(Table, tablename="fluxgate_sessions"):
    """A browser's session; the row goes when it ends. `principal`: JSON; `key_id`: the API key that it was made
    with."""

    id_hash = Varchar(length=64, primary_key=True)
    principal_id = Varchar(length=255, index=True)
    principal = Text()
    key_id = Varchar(length=16, null=True, default=None)
    created_at = Timestamptz()
    expires_at = Timestamptz()


TABLES: tuple[type[Table], ...] = (ApiKey, Session)
