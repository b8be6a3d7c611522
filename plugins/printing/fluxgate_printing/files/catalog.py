"""The `files` table: which content has which name now, and which versions jobs still refer to. The bytes are in the
store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid4

import msgspec

from fluxgate.db import Database, Row
from fluxgate.errors import ConflictError, NotFoundError
from fluxgate_printing.files.analysis import FileAnalysis
from fluxgate_printing.sight import EVERYTHING, Sight

__all__ = ["FileChoice", "FileHead", "FileRecord", "FileRepository", "FileSort", "file_in_use"]

FileSort = Literal["name", "-name", "date", "-date", "size", "-size"]
_NEEDED = (
    "(f.deleted_at IS NULL OR EXISTS ("
    "SELECT 1 FROM print_jobs j WHERE j.file_id = f.id AND j.status IN ('queued', 'printing')))"
)
"""Whether a version's content must stay in the store."""


class FileHead(msgspec.Struct, frozen=True, kw_only=True):
    """What files are listed by: name, size in bytes, since when, in UTC."""

    id: UUID
    name: str
    size: int
    created_at: datetime


class FileRecord(FileHead, frozen=True, kw_only=True):
    """One version of a file: its name, and the content (`sha256` in hex) it had from `created_at`.

    `deleted_at`: when it was removed or replaced; None for the present version.
    """

    project_id: UUID | None
    storage_key: str
    sha256: str
    content_type: str | None
    analysis: dict[str, Any] | None
    uploaded_by: str | None
    deleted_at: datetime | None

    @property
    def known(self) -> FileAnalysis:
        """What the file says of itself; version 0 until it has been read."""
        return FileAnalysis.of(self.analysis)


F = TypeVar("F", bound=FileHead)


class FileChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which files, and in which order. `search`: part of the name, in any case; `sort`: with `-` downwards; `limit`
    None: all of them."""

    search: str = ""
    sort: FileSort = "-date"
    limit: int | None = None
    offset: int = 0

    def of(self, files: Iterable[F]) -> Sequence[F]:
        """All those whose names fit, in order."""
        wanted = self.search.casefold()
        fitting = sorted((file for file in files if wanted in file.name.casefold()), key=_by_name)
        key = self.sort.removeprefix("-")
        return sorted(fitting, key=_SORT_KEYS[key], reverse=self.sort != key)


def _by_name(file: FileHead) -> Any:
    return file.name.casefold(), file.name


_SORT_KEYS: Mapping[str, Callable[[FileHead], Any]] = {
    "name": _by_name,
    "date": lambda file: file.created_at,
    "size": lambda file: file.size,
}


def file_in_use(name: str, count: int, why: str = "") -> ConflictError:
    """What deleting a file that so many jobs need is answered."""
    message = f"{name} is needed by {count} queued or printing job(s). {why}".strip()
    return ConflictError(message, code="FILE_IN_USE", field="name")


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

    async def choose(self, choice: FileChoice, sight: Sight = EVERYTHING) -> tuple[Sequence[FileRecord], int]:
        """The present versions that are asked for, and how many there are without `limit` and `offset`.

        Chosen and sorted here, because databases differ in what they take for the same letter.
        """
        if choice.limit is None:
            found = choice.of(await self.list(sight))
            return found[choice.offset :], len(found)
        seen, arguments = sight.files()
        sql = f"SELECT id, name, size, created_at FROM files WHERE deleted_at IS NULL AND {seen}"  # noqa: S608
        rows = await self._database.fetch(sql, *arguments)
        heads = choice.of(FileHead(**_decoded(row, FileHead.__struct_fields__)) for row in rows)
        page = [head.id for head in heads[choice.offset : choice.offset + choice.limit]]
        if not page:
            return [], len(heads)
        sql = f"SELECT * FROM files WHERE id IN ({', '.join('{}' for _ in page)})"  # noqa: S608 - marks
        records = {file.id: file for file in map(_record, await self._database.fetch(sql, *page))}
        return [records[file_id] for file_id in page if file_id in records], len(heads)

    async def next_to_analyse(self, version: int) -> FileRecord | None:
        """The newest present file whose analysis is missing, or older than this version."""
        postgres = self._database.dialect == "postgres"
        written = "(analysis->>'version')::int" if postgres else "json_extract(analysis, '$.version')"
        rows = await self._database.fetch(
            f"SELECT * FROM files WHERE deleted_at IS NULL AND COALESCE({written}, 0) < {{}}"  # noqa: S608 - constants
            " ORDER BY created_at DESC, id LIMIT 1",
            version,
        )
        return _record(rows[0]) if rows else None

    async def stored_bytes(self) -> int:
        """The size of all contents that must stay in the store, each counted once."""
        rows = await self._database.fetch(
            f"SELECT COALESCE(sum(size), 0) AS n FROM (SELECT DISTINCT sha256, size FROM files f WHERE {_NEEDED}) AS c"  # noqa: S608 - constants
        )
        return int(rows[0]["n"])

    async def bytes_of(self, user: str) -> int:
        """The size of the present files that this caller uploaded."""
        rows = await self._database.fetch(
            "SELECT COALESCE(sum(size), 0) AS n FROM files WHERE deleted_at IS NULL AND uploaded_by = {}", user
        )
        return int(rows[0]["n"])

    async def set_analysis(self, file_id: UUID, analysis: dict[str, Any]) -> None:
        """Keep what was read from the file; a no-op if it is gone."""
        await self._database.fetch(
            "UPDATE files SET analysis = {} WHERE id = {}", msgspec.json.encode(analysis).decode(), file_id
        )

    async def remove(
        self, name: str, sight: Sight = EVERYTHING, release: Callable[[FileRecord], Awaitable[None]] | None = None
    ) -> FileRecord | None:
        """Take the name away; the version it had, or None if there was none within `sight`. Jobs that ended keep theirs
        as a record. `release`: asked first, in the same transaction, to end the jobs that need it.

        Raises:
            ConflictError: FILE_IN_USE: a queued or printing job needs it.
        """
        async with self._database.transaction():
            # Before the file is locked: whoever makes a job locks the queue first, and its file after.
            if release is not None and (found := await self.get_by_name(name, sight)) is not None:
                await release(found)
            current = await self._locked(name)
            if current is None or await self.get_by_name(name, sight) is None:
                return None
            rows = await self._database.fetch(
                "SELECT count(*) AS n FROM print_jobs WHERE file_id = {} AND status IN ('queued', 'printing')",
                current.id,
            )
            if rows[0]["n"]:
                raise file_in_use(name, rows[0]["n"])
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
            f"SELECT 1 AS one FROM files f WHERE f.sha256 = {{}} AND {_NEEDED} LIMIT 1",  # noqa: S608 - constants
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
    return FileRecord(**_decoded(row, FileRecord.__struct_fields__))


def _decoded(row: Row, columns: Iterable[str]) -> dict[str, Any]:
    # SQLite's RETURNING isn't decoded; asyncpg's UUIDs and JSON are its own
    values = {name: row[name] for name in columns}
    for name in values.keys() & {"id", "project_id"}:
        values[name] = None if values[name] is None else UUID(str(values[name]))
    for name in values.keys() & {"created_at", "deleted_at"}:
        if isinstance(values[name], str):
            values[name] = datetime.fromisoformat(values[name])
    if values.get("analysis") is not None:
        values["analysis"] = msgspec.json.decode(values["analysis"])
    return values
