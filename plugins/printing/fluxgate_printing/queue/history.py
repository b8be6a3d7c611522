"""The jobs that ended, sifted: the list that dashboards page through, and how long it is."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from uuid import UUID

import msgspec

from fluxgate.db import Database
from fluxgate_printing.patterns import containing
from fluxgate_printing.queue.reading import FINISHED
from fluxgate_printing.queue.records import JobRecord, job_from_row
from fluxgate_printing.queue.states import FinalStatus
from fluxgate_printing.sight import EVERYTHING, Sight
from fluxgate_printing.usage import planned_seconds

__all__ = ["COUNTED", "HistoryFilter", "JobHistory", "matching", "within"]

COUNTED = 10_000
"""How far a list's length is counted: past that nobody pages, and counting a million rows takes longer than reading
the page."""
COUNTED_NAMES = 1_000
"""The same while searching in names, each of which has to be looked at."""
RECENT = 50
"""Prints of a printer that tell how good its estimates are."""


class HistoryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What all of a list's jobs are; None: anything. They ended from `since` on and before `until`; `search`: a part of
    the file's name, in any case of (ASCII) letters; `zone`: whose days are counted."""

    project: UUID | None = None
    status: FinalStatus | None = None
    printer: str | None = None
    material: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    search: str | None = None
    zone: tzinfo = UTC


ANYTHING = HistoryFilter()


class JobHistory:
    """Reads `print_jobs`; the indexes that make it fast with a million rows are in `printing_0007` and `_0009`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, wanted: HistoryFilter = ANYTHING, limit: int = 20, offset: int = 0, sight: Sight = EVERYTHING
    ) -> list[JobRecord]:
        """Latest first."""
        seen, named = within(wanted, sight).jobs()
        where, arguments = matching(wanted)
        # Which jobs is answered by an index alone, and their rows are read after. Asked for at once, PostgreSQL goes
        # through all jobs by time if it expects many that fit, though none may.
        listed = f"SELECT id FROM print_jobs WHERE {where} AND {seen}"  # noqa: S608 - constants
        rows = await self._database.fetch(
            f"SELECT j.* FROM ({listed} ORDER BY completed_at DESC, id LIMIT {{}} OFFSET {{}}) listed"  # noqa: S608
            " JOIN print_jobs j ON j.id = listed.id ORDER BY j.completed_at DESC, j.id",
            *arguments,
            *named,
            limit,
            offset,
        )
        return [job_from_row(row) for row in rows]

    async def count(self, wanted: HistoryFilter = ANYTHING, sight: Sight = EVERYTHING) -> int:
        """How many jobs the list has; `COUNTED`, or while searching `COUNTED_NAMES`, if it has more."""
        most = COUNTED if wanted.search is None else COUNTED_NAMES
        where, arguments = matching(wanted)
        parts: list[str] = []
        values: list[object] = []
        for number, (seen, named) in enumerate(within(wanted, sight).alternatives()):
            one = f"SELECT id FROM print_jobs WHERE {where} AND {seen} LIMIT {{}}"  # noqa: S608 - constants
            parts.append(f"SELECT id FROM ({one}) part_{number}")  # noqa: S608
            values += [*arguments, *named, most]
        rows = await self._database.fetch(f"SELECT count(*) AS n FROM ({' UNION '.join(parts)}) counted", *values)  # noqa: S608
        return min(int(rows[0]["n"]), most)

    async def times(self, printer: str) -> list[tuple[float, float]]:
        """(actual, estimated) seconds of the latest completed prints of a printer whose files said how long they
        take."""
        rows = await self._database.fetch(
            "SELECT j.actual_time, f.analysis FROM print_jobs j JOIN files f ON f.id = j.file_id"
            " WHERE j.printer_name = {} AND j.status = 'completed' AND j.actual_time > 0"
            " ORDER BY j.completed_at DESC LIMIT {}",
            printer,
            RECENT,
        )
        pairs: list[tuple[float, float]] = []
        for row in rows:
            analysis = msgspec.json.decode(row["analysis"]) if row["analysis"] else None
            estimated = planned_seconds(analysis)
            if estimated is not None:
                pairs.append((float(row["actual_time"]), estimated))
        return pairs


def within(wanted: HistoryFilter, sight: Sight) -> Sight:
    """The sight, as far as it matters for these jobs."""
    return sight if wanted.project is None else sight.of_project(wanted.project)


def matching(wanted: HistoryFilter) -> tuple[str, list[object]]:
    """A condition on `print_jobs`, and its arguments."""
    parts = [FINISHED]
    arguments: list[object] = []
    for condition, value in (
        ("project_id = {}", wanted.project),
        ("status = {}", wanted.status),
        ("printer_name = {}", wanted.printer),
        ("material_type = {}", wanted.material),
        ("completed_at >= {}", wanted.since),
        ("completed_at < {}", wanted.until),
        ("lower(file_name) LIKE lower({}) ESCAPE '!'", containing(wanted.search) if wanted.search else None),
    ):
        if value is not None:
            parts.append(condition)
            arguments.append(value)
    return " AND ".join(parts), arguments
