"""The printers that were added by API, in the database: `print_printer_settings`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from fluxgate.db import Database, UniqueViolationError
from fluxgate.errors import ConflictError

__all__ = ["AddedPrinter", "AddedPrinters"]


class AddedPrinter(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `print_printer_settings`, as in `tables.py`; `secrets` are sealed."""

    name: str
    settings: dict[str, Any]
    secrets: str | None
    revision: int
    created_by: str | None
    created_at: datetime
    updated_by: str | None
    updated_at: datetime


class AddedPrinters:
    """`print_printer_settings`. Every method is one statement; UnavailableError when the database doesn't answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> dict[str, AddedPrinter]:
        """Every one by name, in the order in which they were added."""
        rows = await self._database.fetch("SELECT * FROM print_printer_settings ORDER BY created_at, name")
        return {row["name"]: _record(row) for row in rows}

    async def add(self, name: str, settings: Mapping[str, Any], secrets: str | None, by: str) -> AddedPrinter:
        """Keep a new one. ConflictError PRINTER_EXISTS."""
        now = datetime.now(UTC)
        try:
            rows = await self._database.fetch(
                "INSERT INTO print_printer_settings"
                " (name, settings, secrets, revision, created_by, created_at, updated_by, updated_at)"
                " VALUES ({}, {}, {}, 1, {}, {}, {}, {}) RETURNING *",
                name,
                msgspec.json.encode(settings).decode(),
                secrets,
                by,
                now,
                by,
                now,
            )
        except UniqueViolationError:
            raise printer_exists(name) from None
        return _record(rows[0])

    async def change(
        self, name: str, settings: Mapping[str, Any], secrets: str | None, by: str, revision: int
    ) -> AddedPrinter:
        """Replace what is configured for one that is at `revision`. ConflictError PRINTER_CHANGED if it isn't."""
        rows = await self._database.fetch(
            "UPDATE print_printer_settings SET settings = {}, secrets = {}, revision = revision + 1, updated_by = {},"
            " updated_at = {} WHERE name = {} AND revision = {} RETURNING *",
            msgspec.json.encode(settings).decode(),
            secrets,
            by,
            datetime.now(UTC),
            name,
            revision,
        )
        if not rows:
            raise ConflictError(
                f"Somebody else has changed {name} meanwhile: look at it again.", code="PRINTER_CHANGED"
            )
        return _record(rows[0])

    async def remove(self, name: str) -> bool:
        """Forget one; whether there was one."""
        return bool(
            await self._database.fetch("DELETE FROM print_printer_settings WHERE name = {} RETURNING name", name)
        )


def printer_exists(name: str) -> ConflictError:
    """There is one of that name."""
    return ConflictError(f"There is a printer called {name!r} already.", code="PRINTER_EXISTS", field="name")


def _record(row: Mapping[str, Any]) -> AddedPrinter:
    known = {name: row[name] for name in AddedPrinter.__struct_fields__}
    if isinstance(known["settings"], str):
        known["settings"] = msgspec.json.decode(known["settings"])
    for name in ("created_at", "updated_at"):
        if isinstance(known[name], str):
            known[name] = datetime.fromisoformat(known[name])
    return AddedPrinter(**known)
