"""What is known of the printers themselves, in the database: whether their beds are clear, what they have loaded, how
long they have printed. The end of a print is noted there by a trigger, with the job itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from fluxgate.db import Database
from fluxgate_printing.queue.matching import Loaded
from fluxgate_printing.queue.records import to_column

__all__ = ["PrinterFloor", "PrinterRecord"]

UNATTENDED = "unattended"
"""A print ended that nobody here had started."""


class PrinterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `print_printers`, as in `tables.py`."""

    name: str
    bed: str | None = None
    bed_job_id: UUID | None = None
    bed_since: datetime | None = None
    cleared_by: str | None = None
    cleared_at: datetime | None = None
    auto_start: bool | None = None
    used_seconds: int = 0
    material_type: str | None = None
    material_color: str | None = None
    material_grams: float | None = None
    enabled: bool | None = None
    is_default: bool = False

    @property
    def loaded(self) -> Loaded:
        """The spool."""
        return Loaded(self.material_type, self.material_grams)


class PrinterFloor:
    """`print_printers`. Every method is one statement; UnavailableError when the database doesn't answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> dict[str, PrinterRecord]:
        """Every printer that has a row, by name."""
        rows = await self._database.fetch("SELECT * FROM print_printers")
        return {row["name"]: _record(row) for row in rows}

    async def get(self, name: str) -> PrinterRecord:
        """One printer, with a row or without."""
        rows = await self._database.fetch("SELECT * FROM print_printers WHERE name = {}", name)
        return _record(rows[0]) if rows else PrinterRecord(name=name)

    async def ensure(self, name: str) -> None:
        """Give the printer a row, which claims for it lock."""
        await self._database.fetch(
            "INSERT INTO print_printers (name, used_seconds, updated_at) VALUES ({}, 0, {})"
            " ON CONFLICT (name) DO NOTHING",
            name,
            datetime.now(UTC),
        )

    async def clear_bed(self, name: str, by: str) -> PrinterRecord:
        """Somebody says that the bed is clear."""
        now = datetime.now(UTC)
        return await self._set(
            name, {"bed": None, "bed_job_id": None, "bed_since": None, "cleared_by": by, "cleared_at": now}
        )

    async def block_bed(self, name: str) -> PrinterRecord:
        """A print ended on it that no job here stands for. What is known of a job's end stays."""
        now = datetime.now(UTC)
        rows = await self._database.fetch(
            "INSERT INTO print_printers (name, bed, bed_since, used_seconds, updated_at) VALUES ({}, {}, {}, 0, {})"
            " ON CONFLICT (name) DO UPDATE SET bed = COALESCE(print_printers.bed, excluded.bed),"
            " bed_since = COALESCE(print_printers.bed_since, excluded.bed_since), updated_at = excluded.updated_at"
            " RETURNING *",
            name,
            UNATTENDED,
            now,
            now,
        )
        return _record(rows[0])

    async def set_auto_start(self, name: str, auto_start: bool | None) -> PrinterRecord:
        """Whether it takes jobs by itself; None: as configured."""
        return await self._set(name, {"auto_start": auto_start})

    async def set_enabled(self, name: str, *, enabled: bool) -> PrinterRecord:
        """Whether the gateway has to do with it."""
        return await self._set(name, {"enabled": enabled})

    async def set_default(self, name: str) -> None:
        """It is the one that routes without a name speak of."""
        await self.ensure(name)
        await self._database.fetch(
            "UPDATE print_printers SET is_default = (name = {}), updated_at = {} WHERE is_default OR name = {}",
            name,
            datetime.now(UTC),
            name,
        )

    async def retire(self, name: str) -> None:
        """It is no longer known. What happened on it stays: its bed doesn't become clear by being added again."""
        await self._set(name, {"enabled": None, "is_default": False})

    async def load(self, name: str, material: str | None, color: str | None, grams: float | None) -> PrinterRecord:
        """Somebody says which spool is loaded, and how much is left of it."""
        return await self._set(
            name, {"material_type": material, "material_color": color, "material_grams": to_column(grams)}
        )

    async def _set(self, name: str, values: Mapping[str, object]) -> PrinterRecord:
        values = {**values, "updated_at": datetime.now(UTC)}
        columns = ", ".join(values)
        marks = ", ".join("{}" for _ in values)
        changes = ", ".join(f"{column} = excluded.{column}" for column in values)
        rows = await self._database.fetch(
            f"INSERT INTO print_printers (name, used_seconds, {columns}) VALUES ({{}}, 0, {marks})"  # noqa: S608 - ours
            f" ON CONFLICT (name) DO UPDATE SET {changes} RETURNING *",
            name,
            *values.values(),
        )
        return _record(rows[0])


def _record(row: Mapping[str, Any]) -> PrinterRecord:
    known = {name: row[name] for name in PrinterRecord.__struct_fields__}
    known["material_grams"] = None if row["material_grams"] is None else float(row["material_grams"])
    known["bed_job_id"] = None if row["bed_job_id"] is None else UUID(str(row["bed_job_id"]))
    for name in ("auto_start", "enabled"):
        known[name] = None if row[name] is None else bool(row[name])
    known["is_default"] = bool(row["is_default"])
    for name in ("bed_since", "cleared_at"):
        if isinstance(known[name], str):
            known[name] = datetime.fromisoformat(known[name])
    return PrinterRecord(**known)
