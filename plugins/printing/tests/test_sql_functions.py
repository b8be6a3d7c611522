"""PostgreSQL's functions and the Python repository do the same to a job, whatever it is and whatever is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any, get_args
from uuid import UUID, uuid4

import asyncpg
import pytest
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.queue.states import InvalidTransitionError, JobStatus

from fluxgate.db import Database
from fluxgate.errors import NotFoundError, ProblemError, UnprocessableError

pytestmark = pytest.mark.anyio

SQLSTATES: dict[str, type[ProblemError]] = {
    "PJ404": NotFoundError,
    "PJ409": InvalidTransitionError,
    "PJ422": UnprocessableError,
}
STARTS = (None, timedelta(seconds=90, milliseconds=400), timedelta(seconds=-5))
"""How long ago the job started: not, a while ago, in the future (a clock was set back)."""
PROGRESSES = (None, 0.0, 33.333, 100.0, 100.01, -0.01, float("nan"))
SAME = ("id", "created_at", "updated_at")


@pytest.fixture
async def database(migrated_postgres_url: str) -> AsyncIterator[Database]:
    database = Database.from_url(migrated_postgres_url)
    await database.start()
    yield database
    await database.stop()


async def insert(database: Database, now: datetime, **columns: Any) -> UUID:
    values = {"id": uuid4(), "file_name": "a.gcode", "queued_at": now, "created_at": now, "updated_at": now, **columns}
    marks = ", ".join("{}" for _ in values)
    await database.fetch(f"INSERT INTO print_jobs ({', '.join(values)}) VALUES ({marks})", *values.values())
    return values["id"]


async def by_function(database: Database, sql: str, *args: object) -> Any:
    """The function's value, or the error that its SQLSTATE stands for."""
    try:
        return (await database.fetch(f"SELECT {sql} AS value", *args))[0]["value"]
    except asyncpg.PostgresError as error:
        return SQLSTATES[error.sqlstate]


async def by_python(call: Any) -> Any:
    try:
        return await call
    except ProblemError as error:
        return type(error)


def assert_same(sql: JobRecord, python: JobRecord, case: object) -> None:
    for field in JobRecord.__struct_fields__:
        one, other = getattr(sql, field), getattr(python, field)
        if field in SAME:
            continue
        if isinstance(one, datetime) and isinstance(other, datetime):
            assert abs(one - other) < timedelta(seconds=5), (field, case)
        elif field == "actual_time" and one is not None and other is not None:
            assert abs(one - other) <= 5, (field, case)
        else:
            assert one == other, (field, case)


async def test_update_status_is_the_same_for_every_case(database: Database) -> None:
    jobs = JobRepository(database)
    now = datetime.now(UTC)
    statuses = get_args(JobStatus)
    cases = [
        (old, new, progress, error, start, actual)
        for old, new in product(statuses, (*statuses, "bananas", ""))
        for progress, error, start, actual in [
            *product(PROGRESSES, (None,), STARTS[:2], (None,)),
            *product((None, 33.333), (None, "jam"), STARTS, (None, 7)),
        ]
    ]
    accepted = 0

    async def compare(old: str, new: str, progress: float | None, error: str | None, start: Any, actual: Any) -> bool:
        ended = old in {"completed", "failed", "canceled"}
        columns = {
            "status": old,
            "progress": Decimal("12.5"),
            "started_at": None if start is None else now - start,
            "completed_at": now if ended else None,
            "actual_time": actual,
            "error_message": "earlier",
            "outcome_unknown": old == "printing",
            "state_detail": "why",
        }
        one, other = await insert(database, now, **columns), await insert(database, now, **columns)
        case = (old, new, progress, error, start, actual)
        sql = await by_function(
            database,
            "update_print_job_status({}, {}, {}, {})",
            one,
            new,
            None if progress is None else Decimal(str(progress)),
            error,
        )
        python = await by_python(jobs.update_status(other, new, progress, error))
        assert (sql if isinstance(sql, type) else None) == (python if isinstance(python, type) else None), case
        after_sql, after_python = await jobs.get(one), await jobs.get(other)
        assert_same(after_sql, after_python, case)
        assert (after_sql.updated_at > now) == (after_python.updated_at > now) == (not isinstance(sql, type)), case
        return not isinstance(sql, type)

    for start in range(0, len(cases), 8):
        accepted += sum(await asyncio.gather(*(compare(*case) for case in cases[start : start + 8])))
    assert len(cases) > 900
    assert accepted > 100


async def test_missing_jobs_are_the_same(database: Database) -> None:
    jobs, nobody = JobRepository(database), uuid4()
    for new in ("printing", "bananas"):
        assert await by_function(database, "update_print_job_status({}, {})", nobody, new) is NotFoundError
        assert await by_python(jobs.update_status(nobody, new)) is NotFoundError
    assert await by_function(database, "calculate_print_time({})", nobody) is NotFoundError
    assert await by_python(jobs.calculate_print_time(nobody)) is NotFoundError


async def test_a_null_status_is_refused(database: Database) -> None:
    job = await insert(database, datetime.now(UTC))
    assert await by_function(database, "update_print_job_status({}, NULL)", job) is InvalidTransitionError


async def test_calculate_print_time_is_the_same(database: Database) -> None:
    jobs, now = JobRepository(database), datetime.now(UTC)
    for status, start, end in product(
        get_args(JobStatus), STARTS, (None, timedelta(seconds=30, milliseconds=900), timedelta(seconds=-3))
    ):
        job = await insert(
            database,
            now,
            status=status,
            started_at=None if start is None else now - start,
            completed_at=None if end is None else now - end,
        )
        sql = await by_function(database, "calculate_print_time({})", job)
        python = await jobs.calculate_print_time(job)
        assert (sql is None) == (python is None), (status, start, end)
        if sql is not None and python is not None:
            assert abs(sql - python) <= 1, (status, start, end)
            assert sql >= 0
        if end is not None:
            assert sql == python, (status, start, end)


async def test_cleanup_is_the_same(database: Database) -> None:
    jobs, now = JobRepository(database), datetime.now(UTC)

    async def fill() -> None:
        await database.fetch("DELETE FROM print_jobs")
        for status, age, completed in product(get_args(JobStatus), (0, 6, 8, 89, 91, 400), (True, False)):
            moment = now - timedelta(days=age)
            await insert(
                database,
                now,
                file_name=f"{status}-{age}-{completed}",
                status=status,
                completed_at=moment if completed else None,
                updated_at=moment,
            )

    async def left() -> list[str]:
        rows = await database.fetch("SELECT file_name FROM print_jobs ORDER BY file_name")
        return [row["file_name"] for row in rows]

    for days in (None, 90, 7, 0):
        await fill()
        sql = await by_function(database, f"cleanup_old_print_jobs({'' if days is None else days})")
        after_sql = await left()
        await fill()
        python = await (jobs.cleanup() if days is None else jobs.cleanup(days))
        assert (sql, after_sql) == (python, await left())
        assert sql > 0
        assert len(after_sql) == 60 - sql
    assert await by_function(database, "cleanup_old_print_jobs(-1)") is UnprocessableError
    assert await by_python(jobs.cleanup(-1)) is UnprocessableError
