"""The prints of some days in numbers, on SQLite and PostgreSQL: both say what a plain reckoning over all rows says."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fluxgate_printing.projects import ProjectRepository
from fluxgate_printing.queue.history import HistoryFilter, JobHistory
from fluxgate_printing.queue.period import DaySum, PeriodStatistics, PlaceSum
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.sight import EVERYTHING, Sight

from fluxgate.db import Database
from plugins.printing.tests.queue.test_history import job, project

pytestmark = pytest.mark.anyio

MIDNIGHT = datetime(2026, 3, 31, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
Key = tuple[Any, ...]
Summed = dict[Key, tuple[int, int, float]]


async def many_jobs(database: Database) -> None:
    """Of every kind, those at the edges of days among them."""
    dice = random.Random(1)
    boat, other = await project(database, owner="otto"), await project(database, owner="olga")
    for number in range(200):
        beside = dice.choice([timedelta(0), MOMENT, -MOMENT, timedelta(hours=dice.uniform(-12, 12))])
        printed = dice.random() < 0.8
        await job(
            database,
            MIDNIGHT + timedelta(days=dice.randrange(-5, 5)) + beside,
            file_name=f"{dice.choice(['Boat', 'cube', '100%'])}-{number}.gcode",
            status=dice.choice(["completed", "completed", "failed", "canceled"]),
            printer_name=dice.choice(["mk4", "ender", None]),
            material_type=dice.choice(["PLA", "pla", "PETG", None]),
            project_id=dice.choice([boat, other, None]),
            created_by=dice.choice(["otto", "olga", None]),
            actual_time=dice.randrange(100_000) if printed else None,
            material_used=Decimal(dice.randrange(100_000)) / 100 if printed else None,
        )
    await job(database, None, status="queued")
    await job(database, None, status="printing", printer_name="mk4", actual_time=5)


def plain(jobs: Iterable[JobRecord], key: Callable[[JobRecord], Key]) -> Summed:
    groups: dict[Key, list[JobRecord]] = defaultdict(list)
    for each in jobs:
        groups[key(each)].append(each)
    return {
        of: (
            len(group),
            sum(each.actual_time or 0 for each in group),
            round(sum(each.material_used or 0 for each in group), 2),
        )
        for of, group in groups.items()
    }


def by_day(each: JobRecord, zone: tzinfo = UTC) -> Key:
    assert each.completed_at is not None
    return (each.completed_at.astimezone(zone).date(), each.status)


def summed(parts: Iterable[DaySum | PlaceSum], *names: str) -> Summed:
    return {
        tuple(getattr(part, name) for name in names): (part.jobs, part.seconds, round(part.grams, 2)) for part in parts
    }


FILTERS = {
    "anything": HistoryFilter(),
    "a range": HistoryFilter(since=MIDNIGHT, until=MIDNIGHT + timedelta(days=2)),
    "a moment": HistoryFilter(since=MIDNIGHT, until=MIDNIGHT + MOMENT),
    "nothing": HistoryFilter(since=MIDNIGHT, until=MIDNIGHT),
    "status": HistoryFilter(status="failed"),
    "printer and material": HistoryFilter(printer="mk4", material="PLA"),
    "search": HistoryFilter(search="BOAT"),
    "a sign that means something": HistoryFilter(search="%-1"),
}


async def test_both_databases_say_what_a_plain_reckoning_says(database: Database) -> None:
    await many_jobs(database)
    narrowed = await ProjectRepository(database).narrowed(Sight(me="otto", own_only=True))
    sights = {"all": EVERYTHING, "own": narrowed, "one printer": Sight(me="otto", printers=frozenset({"mk4"}))}
    counts = {}
    for name, wanted in FILTERS.items():
        for whose, sight in sights.items():
            jobs = await JobHistory(database).page(wanted, 1000, sight=sight)
            sums = await PeriodStatistics(database).sums(wanted, sight)
            assert summed(sums.days, "day", "status") == plain(jobs, by_day), (name, whose)
            assert summed(sums.places, "printer", "material", "status") == plain(
                jobs, lambda each: (each.printer_name, each.material_type, each.status)
            ), (name, whose)
            counts[name, whose] = len(jobs)
    assert counts["anything", "all"] == 200
    assert counts["nothing", "all"] == 0
    assert 0 < counts["a moment", "all"] < counts["a range", "all"] < 200
    assert 0 < counts["anything", "own"] < 200
    assert all(counts[name, "own"] > 0 for name in FILTERS if name not in {"nothing", "a moment"})


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"])
async def test_days_are_those_of_a_zone(database: Database, name: str) -> None:
    await many_jobs(database)  # Berlin changed its clocks on 2026-03-29, in the middle of them
    zone = ZoneInfo(name)
    around = timedelta(days=7)
    wanted = HistoryFilter(since=MIDNIGHT - around, until=MIDNIGHT + around, zone=zone)
    jobs = await JobHistory(database).page(wanted, 1000)
    sums = await PeriodStatistics(database).sums(wanted)
    assert summed(sums.days, "day", "status") == plain(jobs, lambda each: by_day(each, zone))


async def test_a_zones_days_have_its_edges(database: Database) -> None:
    zone = ZoneInfo("Europe/Berlin")
    changed = datetime(2026, 3, 29, 1, tzinfo=UTC)
    for moment in (changed - timedelta(hours=2), changed - MOMENT, changed, changed + timedelta(hours=21) - MOMENT):
        await job(database, moment)  # the day has 23 hours, from 23:00 to 22:00 UTC
    await job(database, changed - timedelta(hours=2) - MOMENT)
    await job(database, changed + timedelta(hours=21))
    wanted = HistoryFilter(since=changed - timedelta(days=3), until=changed + timedelta(days=3), zone=zone)
    days = {part.day: part.jobs for part in (await PeriodStatistics(database).sums(wanted)).days}
    assert days == {date(2026, 3, 28): 1, date(2026, 3, 29): 4, date(2026, 3, 30): 1}


async def test_a_days_edges(database: Database) -> None:
    for moment in (MIDNIGHT - MOMENT, MIDNIGHT, MIDNIGHT + timedelta(days=1) - MOMENT, MIDNIGHT + timedelta(days=1)):
        await job(database, moment)
    days = (await PeriodStatistics(database).sums(HistoryFilter())).days
    jobs = {part.day: part.jobs for part in days}
    assert jobs == {date(2026, 3, 30): 1, date(2026, 3, 31): 2, date(2026, 4, 1): 1}
