"""Takes records out of the database: a copy as JSON lines, or an archive of the oldest, which then leave the table.

Where they were, a checkpoint keeps the chain whole: it says which was the last that was archived, and its hash.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

import msgspec

from fluxgate.audit.chain import append_in, lock, records
from fluxgate.audit.record import AuditRecord, now
from fluxgate.audit.verify import CHECKPOINT_HASH, CHECKPOINT_SEQ, verify
from fluxgate.db import Database
from fluxgate.errors import FluxgateError

__all__ = ["AuditFileError", "Pruned", "export", "prune", "read_export"]

_LONGEST_LINE = 1_000_000


class AuditFileError(FluxgateError):
    """An export can't be read, or the trail isn't in a state to be archived."""


class Pruned(msgspec.Struct, frozen=True):
    """What was archived: how many records, through which one, and the file's SHA-256."""

    count: int
    through: int
    sha256: str


async def export(database: Database, file: IO[bytes], *, before: int | None = None) -> int:
    """Write the records, with their hashes, a line each; how many there were."""
    count = 0
    encoder = msgspec.json.Encoder(order="deterministic")
    async for record in records(database, before=before):
        file.write(encoder.encode(record) + b"\n")
        count += 1
    return count


async def read_export(file: IO[bytes]) -> AsyncIterator[AuditRecord]:
    """The records of an export. Raises AuditFileError with the line that isn't one."""
    decoder = msgspec.json.Decoder(_Line, strict=True)
    number = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        try:
            yield decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise AuditFileError(f"line {number} is no record of an audit trail: {error}") from None


async def prune(database: Database, before: str, path: Path, *, principal: str) -> Pruned | None:
    """Archive all records up to the first that isn't older than `before` (as `stamp` writes a time) in a new file,
    then remove them; None if there are none.

    The file is complete, on disk and verified before the first record goes. Needs the right to change the table's
    triggers (its owner's, on PostgreSQL), which the gateway itself needn't have.

    Raises:
        AuditFileError: the chain is broken; nothing was removed. FileExistsError and other OSError: of the file.
    """
    end = await _first_kept(database, before)
    if end is None:
        return None
    with path.open("xb") as file:
        count = await export(database, file, before=end)
        file.flush()
        os.fsync(file.fileno())
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        verdict = await verify(read_export(file), whole=False)
    if verdict.fault or verdict.last != end - 1 or verdict.count != count:
        raise AuditFileError(f"nothing was removed: {verdict.fault or 'records are missing'}")
    checkpoint = AuditRecord(
        kind="checkpoint",
        at=now(),
        principal=principal,
        method="cli",
        action="audit.prune",
        result="done",
        details={CHECKPOINT_SEQ: verdict.last, CHECKPOINT_HASH: verdict.head, "count": count, "sha256": sha256},
    )
    async with database.transaction():
        await lock(database)
        await append_in(database, [checkpoint])
        await _remove(database, end)
    return Pruned(count, verdict.last, sha256)


async def _first_kept(database: Database, before: str) -> int | None:
    """The seq before which everything is archived: at most the last record, since a chain never becomes empty."""
    sql = "SELECT min(seq) AS first, max(seq) AS last, (SELECT min(seq) FROM audit_records WHERE at >= {}) AS kept "
    [row] = await database.fetch(sql + "FROM audit_records", before)
    if row["first"] is None:
        return None
    end: int = row["last"] + 1 if row["kept"] is None else row["kept"]
    return end if end > row["first"] else None


async def _remove(database: Database, end: int) -> None:
    if database.dialect == "postgres":
        await database.fetch("ALTER TABLE audit_records DISABLE TRIGGER audit_records_no_change")
        await database.fetch("DELETE FROM audit_records WHERE seq < {}", end)
        await database.fetch("ALTER TABLE audit_records ENABLE TRIGGER audit_records_no_change")
        return
    [row] = await database.fetch("SELECT sql FROM sqlite_master WHERE name = 'audit_records_no_delete'")
    await database.fetch("DROP TRIGGER audit_records_no_delete")
    await database.fetch("DELETE FROM audit_records WHERE seq < {}", end)
    await database.fetch(row["sql"])


class _Line(AuditRecord, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A line of an export: what isn't in the hash has no place in it."""
