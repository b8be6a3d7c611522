"""The `files` table: which content has which name now, and which versions jobs still refer to. The bytes are in the
store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec

from fluxgate.db import Database, Row
from fluxgate.errors import ConflictError, NotFoundError
from fluxgate_printing.sight import EVERYTHING, Sight

__all__ = ["FileRecord", "FileRepository"]


class FileRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a file: its name, and the content (`sha256` in hex, `size` in bytes) it had from `created_at`,
    in UTC.

    `deleted_at`: when it was removed or replaced; None for the present version.
    """

    id: UUID
    project_id: UUID | None
    name: str
    storage_key: str
    sha256: str
    size: int
    content_type: str | None
    analysis: dict[str, Any] | None
    uploaded_by: str | None
    created_at: datetime
    deleted_at: datetime | None


class FileRepository:
    """All that is done to `files`. Every method is atomic, with any number of processes on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        name: str,
        sha256: str,
        size: int,
        *,
        storage_key: str | None = None,
        content_type: str | None = None,
        analysis: dict[str, Any] | None = None,
        uploaded_by: str | None = None,
        project_id: UUID | None = None,
        sight: Sight = EVERYTHING,
    ) -> FileRecord:
        """`name` has this content from now on. The same content again leaves the row as it is, but for the
        project, if one is named.

        New content makes a new row. The old one is kept, as replaced, if a job refers to it: that job prints what it
        was queued with.

        Raises:
            ConflictError: FILE_NAME_TAKEN: the name is that of a file that isn't within `sight`.
        """
        async with self._database.transaction():
            if self._database.dialect == "postgres":
                # there may be no row yet to lock
                await self._database.fetch("SELECT pg_advisory_xact_lock(hashtextextended({}, 0))", f"files:{name}")
            current = await self._locked(name)
            if current is not None:
                await self.check_free(name, sight)
                if current.sha256 == sha256:
                    return await self._belonging(current, project_id)
                await self._retire(current)
                project_id = project_id or current.project_id
            rows = await self._database.fetch(
                "INSERT INTO files (id, project_id, name, storage_key, sha256, size, content_type, analysis,"
                " uploaded_by, created_at) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {}) RETURNING *",
                uuid4(),
                project_id,
                name,
                storage_key or sha256,
                sha256,
                size,
                content_type,
                None if analysis is None else msgspec.json.encode(analysis).decode(),
                uploaded_by,
                datetime.now(UTC),
            )
            return _record(rows[0])

    async def _belonging(self, file: FileRecord, project_id: UUID | None) -> FileRecord:
        """The file, as one of this project's from now on if one is named."""
        if project_id in {None, file.project_id}:
            return file
        rows = await self._database.fetch(
            "UPDATE files SET project_id = {} WHERE id = {} RETURNING *", project_id, file.id
        )
        return _record(rows[0])

    async def get(self, file_id: UUID) -> FileRecord | None:
        """A version, the present one or an old one, or None."""
        rows = await self._database.fetch("SELECT * FROM files WHERE id = {}", file_id)
        return _record(rows[0]) if rows else None

    async def get_by_name(self, name: str, sight: Sight = EVERYTHING) -> FileRecord | None:
        """The present version, or None."""
        seen, arguments = sight.files()
        sql = f"SELECT * FROM files WHERE name = {{}} AND deleted_at IS NULL AND {seen}"  # noqa: S608 - constants
        rows = await self._database.fetch(sql, name, *arguments)
        return _record(rows[0]) if rows else None

    async def check_free(self, name: str, sight: Sight) -> None:
        """Raise ConflictError FILE_NAME_TAKEN if a file that isn't within `sight` has this name."""
        taken = sight is not EVERYTHING and await self.get_by_name(name) is not None
        if taken and await self.get_by_name(name, sight) is None:
            raise ConflictError(f"{name}: another file has this name.", code="FILE_NAME_TAKEN", field="files")

    async def of_project(self, project_id: UUID, sight: Sight = EVERYTHING) -> list[FileRecord]:
        """The present versions that are a project's, latest first."""
        seen, arguments = sight.files()
        sql = f"SELECT * FROM files WHERE project_id = {{}} AND deleted_at IS NULL AND {seen}"  # noqa: S608 - constants
        rows = await self._database.fetch(sql + " ORDER BY created_at DESC, id", project_id, *arguments)
        return [_record(row) for row in rows]

    async def list(self, sight: Sight = EVERYTHING) -> list[FileRecord]:
        """The present versions, latest first."""
        seen, arguments = sight.files()
        sql = f"SELECT * FROM files WHERE deleted_at IS NULL AND {seen}"  # noqa: S608 - constants
        rows = await self._database.fetch(sql + " ORDER BY created_at DESC, id", *arguments)
        return [_record(row) for row in rows]

    async def set_analysis(self, file_id: UUID, analysis: dict[str, Any]) -> None:
        """Keep what was read from the file; a no-op if it is gone."""
        await self._database.fetch(
            "UPDATE files SET analysis = {} WHERE id = {}", msgspec.json.encode(analysis).decode(), file_id
        )

    async def remove(self, name: str, sight: Sight = EVERYTHING) -> FileRecord | None:
        """Take the name away; the version it had, or None if there was none within `sight`. Jobs that ended keep theirs
        as a record.

        Raises:
            ConflictError: FILE_IN_USE: a queued or printing job needs it.
        """
        async with self._database.transaction():
            current = await self._locked(name)
            if current is None or await self.get_by_name(name, sight) is None:
                return None
            rows = await self._database.fetch(
                "SELECT count(*) AS n FROM print_jobs WHERE file_id = {} AND status IN ('queued', 'printing')",
                current.id,
            )
            if rows[0]["n"]:
                raise ConflictError(
                    f"{name} is needed by {rows[0]['n']} queued or printing job(s).", code="FILE_IN_USE", field="name"
                )
            await self._retire(current)
            return current

    async def link(self, name: str, project_id: UUID) -> tuple[FileRecord, bool]:
        """Make the file a project's. The bool: whether it wasn't that before.

        Raises:
            NotFoundError: FILE_NOT_FOUND. ConflictError: FILE_LINKED_ELSEWHERE: it is another project's.
        """
        async with self._database.transaction():
            current = await self._linkable(name, project_id)
            return await self._belonging(current, project_id), current.project_id is None

    async def unlink(self, name: str, project_id: UUID) -> tuple[FileRecord, bool]:
        """Make the file no project's. The bool: whether it was this one's. Raises as `link`."""
        async with self._database.transaction():
            current = await self._linkable(name, project_id)
            if current.project_id is None:
                return current, False
            rows = await self._database.fetch(
                "UPDATE files SET project_id = NULL WHERE id = {} RETURNING *", current.id
            )
            return _record(rows[0]), True

    async def _linkable(self, name: str, project_id: UUID) -> FileRecord:
        """The file, locked, if no other project has it. Which project that is, is nobody's business here."""
        current = await self._locked(name)
        if current is None:
            raise NotFoundError(f"There is no file {name!r}.", code="FILE_NOT_FOUND", field="name")
        if current.project_id not in {None, project_id}:
            raise ConflictError(f"{name} belongs to another project.", code="FILE_LINKED_ELSEWHERE", field="project_id")
        return current

    async def is_needed(self, sha256: str) -> bool:
        """Whether this content must stay in the store: a file has it, or a queued or printing job was queued with
        it."""
        rows = await self._database.fetch(
            "SELECT 1 AS one FROM files f WHERE f.sha256 = {} AND (f.deleted_at IS NULL OR EXISTS ("
            "SELECT 1 FROM print_jobs j WHERE j.file_id = f.id AND j.status IN ('queued', 'printing'))) LIMIT 1",
            sha256,
        )
        return bool(rows)

    async def _locked(self, name: str) -> FileRecord | None:
        """The present version; no job can be queued with it until the transaction ends."""
        sql = "SELECT * FROM files WHERE name = {} AND deleted_at IS NULL"
        if self._database.dialect == "postgres":
            sql += " FOR UPDATE"
        rows = await self._database.fetch(sql, name)
        return _record(rows[0]) if rows else None

    async def _retire(self, file: FileRecord) -> None:
        used = await self._database.fetch("SELECT 1 AS one FROM print_jobs WHERE file_id = {} LIMIT 1", file.id)
        if used:
            await self._database.fetch("UPDATE files SET deleted_at = {} WHERE id = {}", datetime.now(UTC), file.id)
        else:
            await self._database.fetch("DELETE FROM files WHERE id = {}", file.id)


def _record(row: Row) -> FileRecord:
    # SQLite's RETURNING isn't decoded; asyncpg's UUIDs and JSON are its own
    values = {name: row[name] for name in FileRecord.__struct_fields__}
    for name in ("id", "project_id"):
        values[name] = None if values[name] is None else UUID(str(values[name]))
    for name in ("created_at", "deleted_at"):
        if isinstance(values[name], str):
            values[name] = datetime.fromisoformat(values[name])
    if values["analysis"] is not None:
        values["analysis"] = msgspec.json.decode(values["analysis"])
    return FileRecord(**values)
