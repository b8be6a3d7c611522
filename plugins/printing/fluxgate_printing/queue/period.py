"""The prints that ended in some days, in numbers: how many, how well, how long, how much, by day, printer and
material."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TypedDict

import msgspec

from fluxgate.db import Database, Row
from fluxgate_printing.queue.history import HistoryFilter, matching, within
from fluxgate_printing.queue.states import FinalStatus
from fluxgate_printing.queue.zones import Shift, shifts
from fluxgate_printing.sight import EVERYTHING, Sight

__all__ = ["DaySum", "PeriodStatistics", "PeriodSums", "PlaceSum"]

_SUMS = "sum(jobs) AS jobs, COALESCE(sum(seconds), 0) AS seconds, COALESCE(sum(grams), 0) AS grams"


class DaySum(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs of one status that ended on a day together; seconds and g are sums."""

    day: date
    status: FinalStatus
    jobs: int
    seconds: int
    grams: float


class PlaceSum(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs of one status, printer and material together."""

    printer: str | None
    material: str | None
    status: FinalStatus
    jobs: int
    seconds: int
    grams: float


class PeriodSums(msgspec.Struct, frozen=True, kw_only=True):
    """The same jobs twice: by day, and by printer and material."""

    days: list[DaySum]
    places: list[PlaceSum]


class PeriodStatistics:
    """Reads `print_jobs`, by the indexes of the history."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sums(self, wanted: HistoryFilter, sight: Sight = EVERYTHING) -> PeriodSums:
        """Of the jobs that are wanted and within `sight`, as they were at one moment. A filter with another zone than
        UTC needs `since` and `until`."""
        seen, named = within(wanted, sight).jobs()
        where, arguments = matching(wanted)
        day, changes = _day(self._database.dialect, wanted)
        # Rows are summed up in small groups, and the groups twice: to keep all rows and go through them twice takes
        # several times as long.
        rows = await self._database.fetch(
            f"WITH ended AS (SELECT {day} AS day, status, printer_name, material_type, count(*) AS jobs,"  # noqa: S608 - constants
            f" sum(actual_time) AS seconds, sum(material_used) AS grams FROM print_jobs WHERE {where} AND {seen}"
            " GROUP BY 1, 2, 3, 4)"
            f" SELECT day, status, NULL AS printer_name, NULL AS material_type, {_SUMS} FROM ended GROUP BY day, status"
            f" UNION ALL SELECT NULL, status, printer_name, material_type, {_SUMS} FROM ended"
            " GROUP BY status, printer_name, material_type",
            *changes,
            *arguments,
            *named,
        )
        return PeriodSums(
            days=[
                DaySum(day=date.fromisoformat(str(row["day"])), status=row["status"], **_summed(row))
                for row in rows
                if row["day"] is not None
            ],
            places=[
                PlaceSum(
                    printer=row["printer_name"], material=row["material_type"], status=row["status"], **_summed(row)
                )
                for row in rows
                if row["day"] is None
            ],
        )


def _day(dialect: str, wanted: HistoryFilter) -> tuple[str, list[datetime]]:
    """The day of `completed_at` where the filter's clocks are, as SQL, and its arguments."""
    *changing, last = [Shift(None, 0)] if wanted.zone is UTC else shifts(wanted.zone, *_ends(wanted))
    ahead = str(last.seconds)
    if changing:
        ahead = "CASE" + "".join(f" WHEN completed_at < {{}} THEN {one.seconds}" for one in changing)
        ahead += f" ELSE {last.seconds} END"
    if dialect == "postgres":
        shift = "" if ahead == "0" else f" + interval '1 second' * ({ahead})"
        sql = f"(completed_at AT TIME ZONE 'UTC'{shift})::date"
    else:
        # whole seconds: SQLite would round to milliseconds, and so into the next day
        whole = f"substr(completed_at, 1, 19), ({ahead}) || ' seconds'"
        sql = f"strftime('%Y-%m-%d', {'completed_at' if ahead == '0' else whole})"
    return sql, [one.until for one in changing if one.until is not None]


def _ends(wanted: HistoryFilter) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return wanted.since or now, wanted.until or now


class _Summed(TypedDict):
    jobs: int
    seconds: int
    grams: float


def _summed(row: Row) -> _Summed:
    return {"jobs": int(row["jobs"]), "seconds": int(row["seconds"]), "grams": float(row["grams"])}
