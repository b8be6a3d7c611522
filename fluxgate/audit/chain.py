"""Appends to the chain and reads it back: the one place that knows the table.

Replicas append one after the other: on PostgreSQL under an advisory lock, on SQLite under the write lock that its
transactions take anyway. The table's own triggers refuse all else (see the migration).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from fluxgate.audit.record import GENESIS, AuditRecord, sealed
from fluxgate.db import Database, Row

__all__ = ["COLUMNS", "append", "append_in", "head", "lock", "record_of", "records"]

LOCK_KEY = 0x61756469  # "audi", as PostgreSQL's advisory lock wants a number
COLUMNS = tuple(AuditRecord.__struct_fields__)
PAGE = 1000
_NUMBERS = frozenset({"seq", "change", "status"})
_NAMES = ", ".join(COLUMNS)

# All rows in one parameter: the databases limit the number of parameters, not their size.
_INSERT = {
    "sqlite": (
        f"INSERT INTO audit_records ({_NAMES}) SELECT "  # noqa: S608 - names of our own
        + ", ".join(f"json_extract(value, '$.{name}')" for name in COLUMNS)
        + " FROM json_each({})"
    ),
    "postgres": (
        f"INSERT INTO audit_records ({_NAMES}) SELECT {_NAMES} FROM json_to_recordset({{}}::json) AS r ("  # noqa: S608
        + ", ".join(f"{name} {'BIGINT' if name in _NUMBERS else 'TEXT'}" for name in COLUMNS)
        + ")"
    ),
}
_encoder = msgspec.json.Encoder(order="deterministic")


async def append(database: Database, drafts: Sequence[AuditRecord]) -> list[AuditRecord]:
    """Append records in one transaction, in this order; what they became.

    Raises:
        UnavailableError, UniqueViolationError (an intent has its outcome already): nothing was appended.
    """
    async with database.transaction():
        return await append_in(database, drafts)


async def append_in(database: Database, drafts: Sequence[AuditRecord]) -> list[AuditRecord]:
    """The same inside a transaction that the caller has begun."""
    await lock(database)
    last = await head(database)
    seq, previous = (0, GENESIS) if last is None else (last.seq, last.hash)
    appended: list[AuditRecord] = []
    for draft in drafts:
        seq += 1
        record = sealed(draft, seq, previous)
        previous = record.hash
        appended.append(record)
    rows = msgspec.json.encode([_row(record) for record in appended]).decode()
    await database.fetch(_INSERT[database.dialect], rows)
    return appended


async def lock(database: Database) -> None:
    """Let nobody else append until the transaction ends."""
    if database.dialect == "postgres":
        await database.fetch(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")


async def head(database: Database) -> AuditRecord | None:
    """The last record."""
    rows = await database.fetch(f"SELECT {_NAMES} FROM audit_records ORDER BY seq DESC LIMIT 1")  # noqa: S608
    return record_of(rows[0]) if rows else None


async def records(database: Database, *, after: int = 0, before: int | None = None) -> AsyncIterator[AuditRecord]:
    """The records after `after` and before `before`, in order, a page at a time."""
    limit = "" if before is None else f" AND seq < {before}"
    while True:
        rows = await database.fetch(
            f"SELECT {_NAMES} FROM audit_records WHERE seq > {{}}{limit} ORDER BY seq LIMIT {PAGE}",  # noqa: S608
            after,
        )
        for row in rows:
            record = record_of(row)
            after = record.seq
            yield record
        if len(rows) < PAGE:
            return


def record_of(row: Row) -> AuditRecord:
    """A row as a record. What can't have been written by `append` becomes a record whose hash is wrong."""
    values: dict[str, Any] = dict(row)
    for name in ("params", "details"):
        try:
            values[name] = msgspec.json.decode(values[name], type=dict[str, Any])
        except (msgspec.MsgspecError, TypeError):
            values[name] = {"unreadable": str(values[name])}
    return AuditRecord(**values)


def _row(record: AuditRecord) -> Row:
    return {
        name: _encoder.encode(value).decode() if isinstance(value := getattr(record, name), dict) else value
        for name in COLUMNS
    }
