"""A project's prints in numbers: how many, how well, how long, how much, by material, printer and month.

The jobs are the project's by their `project_id` and nothing else: a file's name says nothing of whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from fluxgate.db import Database
from fluxgate_printing.sight import EVERYTHING, Sight

__all__ = ["Figures", "Part", "ProjectStatistics", "figures"]

_MONTH = {
    "postgres": "to_char(completed_at AT TIME ZONE 'UTC', 'YYYY-MM')",
    "sqlite": "strftime('%Y-%m', completed_at)",
}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs of one status, material, printer and month (UTC, `2026-01`, of the end) together. `timed`: how many of
    them have a time; seconds and g are sums."""

    status: str
    material: str | None
    printer: str | None
    month: str | None
    jobs: int
    timed: int
    seconds: int
    grams: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and sums of some parts. `success_rate`: percent of the prints that ended by themselves, None while there
    is none; `average_seconds`: of those completed."""

    total: int
    queued: int
    printing: int
    completed: int
    failed: int
    canceled: int
    success_rate: float | None
    seconds: int
    average_seconds: float | None
    grams: float


class ProjectStatistics:
    """Reads `print_jobs`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def parts(self, project: UUID, sight: Sight = EVERYTHING, *, monthly: bool = False) -> list[Part]:
        """The project's jobs within `sight`, summed up. `monthly`: month by month; else `month` is None."""
        seen, arguments = sight.jobs()
        month = _MONTH[self._database.dialect] if monthly else "NULL"
        keys = "status, material_type, printer_name" + (", month" if monthly else "")
        rows = await self._database.fetch(
            f"SELECT status, material_type, printer_name, {month} AS month, count(*) AS jobs,"  # noqa: S608 - constants
            " count(actual_time) AS timed, COALESCE(sum(actual_time), 0) AS seconds,"
            f" COALESCE(sum(material_used), 0) AS grams FROM print_jobs WHERE project_id = {{}} AND {seen}"
            f" GROUP BY {keys}",
            project,
            *arguments,
        )
        return [_part(row) for row in rows]

    async def latest(self, project: UUID, sight: Sight = EVERYTHING) -> datetime | None:
        """When the project's newest job was made."""
        seen, arguments = sight.jobs()
        sql = f"SELECT created_at FROM print_jobs WHERE project_id = {{}} AND {seen} ORDER BY created_at DESC LIMIT 1"  # noqa: S608
        rows = await self._database.fetch(sql, project, *arguments)
        return rows[0]["created_at"] if rows else None


def figures(parts: Iterable[Part]) -> Figures:
    """The sums over some parts, as the view `print_job_stats_by_project` has them of all."""
    each = tuple(parts)
    count = {status: sum(part.jobs for part in each if part.status == status) for status in _STATUSES}
    ended = count["completed"] + count["failed"]
    done: Sequence[Part] = [part for part in each if part.status == "completed"]
    timed = sum(part.timed for part in done)
    return Figures(
        total=sum(part.jobs for part in each),
        **count,
        success_rate=round(100 * count["completed"] / ended, 2) if ended else None,
        seconds=sum(part.seconds for part in each),
        average_seconds=round(sum(part.seconds for part in done) / timed, 2) if timed else None,
        grams=round(sum(part.grams for part in each), 2),
    )


_STATUSES = ("queued", "printing", "completed", "failed", "canceled")


def _part(row: dict[str, Any]) -> Part:
    return Part(
        status=row["status"],
        material=row["material_type"],
        printer=row["printer_name"],
        month=row["month"],
        jobs=int(row["jobs"]),
        timed=int(row["timed"]),
        seconds=int(row["seconds"]),
        grams=float(row["grams"]),
    )
