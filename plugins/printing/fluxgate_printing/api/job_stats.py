"""The prints of some days in numbers, for a dashboard's charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

import msgspec
from litestar import get
from litestar.di import NamedDependency, Provide

from fluxgate.errors import UnprocessableError
from fluxgate.plugin import Principal
from fluxgate_printing.access import VIEW
from fluxgate_printing.api import docs
from fluxgate_printing.api.job_filter import job_filter
from fluxgate_printing.api.job_stat_schemas import DayStats, JobStats, MaterialStats, PrinterStats
from fluxgate_printing.costs import Costs
from fluxgate_printing.ledger import JobLedger
from fluxgate_printing.queue.history import HistoryFilter
from fluxgate_printing.queue.period import DaySum, PeriodSums, PlaceSum
from fluxgate_printing.queue.states import FinalStatus

Sum = DaySum | PlaceSum
Part = TypeVar("Part", DaySum, PlaceSum)
Key = TypeVar("Key")

DEFAULT = timedelta(days=30)
LONGEST = timedelta(days=400)
_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@get(
    "/jobs/stats",
    summary="Jobs that ended, in numbers",
    policy=VIEW,
    dependencies={"wanted": Provide(job_filter)},
    doc=docs.JOB_STATS,
)
async def show(
    ledger: NamedDependency[JobLedger],
    principal: NamedDependency[Principal],
    wanted: NamedDependency[HistoryFilter],
) -> JobStats:
    """Of the last 30 days, today among them, unless `from` and `to` say otherwise; 422 for more than 400."""
    try:
        since, until = _range(wanted, datetime.now(UTC))
        days = _days(since.astimezone(wanted.zone), until.astimezone(wanted.zone))
    except OverflowError:
        raise UnprocessableError(
            "'from' and 'to' are beyond what calendars have.", code="INVALID_PARAMETER", field="from"
        ) from None
    asked = msgspec.structs.replace(wanted, since=since.astimezone(UTC), until=until.astimezone(UTC))
    return _stats(await ledger.period(asked, principal), days, ledger.costs)


def _range(wanted: HistoryFilter, now: datetime) -> tuple[datetime, datetime]:
    tomorrow = now.astimezone(wanted.zone).date() + _DAY
    until = wanted.until or datetime.combine(tomorrow, time.min, wanted.zone)
    since = wanted.since or until.astimezone(wanted.zone) - min(DEFAULT, until - _EARLIEST)
    if until - since > LONGEST:
        raise UnprocessableError(
            f"'from' is at most {LONGEST.days} days before 'to'.", code="INVALID_PARAMETER", field="from"
        )
    return since, until


def _days(since: datetime, until: datetime) -> list[date]:
    """Those of which a part is in the range."""
    if since >= until:
        return []
    first, last = since.date(), (until - _MOMENT).date()
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _stats(sums: PeriodSums, days: Iterable[date], costs: Costs) -> JobStats:
    completed, failed = _jobs(sums.days, "completed"), _jobs(sums.days, "failed")
    seconds = _seconds(sums.days)
    by_day = _grouped(sums.days, lambda part: part.day)
    materials = [
        MaterialStats(
            material=material,
            jobs=_jobs(parts),
            grams=_grams(parts),
            cost=costs.material(material, _grams(parts)),
        )
        for material, parts in _grouped(sums.places, lambda part: part.material).items()
    ]
    printers = [
        PrinterStats(
            printer=printer,
            jobs=_jobs(parts),
            completed=_jobs(parts, "completed"),
            failed=_jobs(parts, "failed"),
            print_seconds=_seconds(parts),
            material_grams=_grams(parts),
        )
        for printer, parts in _grouped(sums.places, lambda part: part.printer).items()
    ]
    return JobStats(
        total=_jobs(sums.days),
        completed=completed,
        failed=failed,
        canceled=_jobs(sums.days, "canceled"),
        success_rate=round(100 * completed / (completed + failed), 2) if completed + failed else None,
        print_seconds=seconds,
        material_grams=_grams(sums.days),
        cost=round(sum(each.cost for each in materials) + costs.machine(seconds), 2),
        currency=costs.currency,
        days=[_day(day, by_day.get(day, ())) for day in days],
        printers=sorted(printers, key=lambda each: (-each.jobs, each.printer or "")),
        materials=sorted(materials, key=lambda each: (-each.jobs, each.material or "")),
    )


def _day(day: date, parts: Sequence[DaySum]) -> DayStats:
    return DayStats(
        day=day,
        completed=_jobs(parts, "completed"),
        failed=_jobs(parts, "failed"),
        canceled=_jobs(parts, "canceled"),
        print_seconds=_seconds(parts),
        material_grams=_grams(parts),
    )


def _grouped(parts: Iterable[Part], key: Callable[[Part], Key]) -> dict[Key, list[Part]]:
    groups: dict[Key, list[Part]] = defaultdict(list)
    for part in parts:
        groups[key(part)].append(part)
    return groups


def _jobs(parts: Iterable[Sum], status: FinalStatus | None = None) -> int:
    return sum(part.jobs for part in parts if status is None or part.status == status)


def _seconds(parts: Iterable[Sum]) -> int:
    return sum(part.seconds for part in parts)


def _grams(parts: Iterable[Sum]) -> float:
    return round(sum(part.grams for part in parts), 2)
