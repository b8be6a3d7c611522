"""Old jobs are deleted by themselves, by one replica at a time, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.retention import _LOCK, Retention

from fluxgate.db import Database
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


async def fill(database: Database) -> None:
    """Completed 1, 2, … 10 days ago, and one that waits for longer than any."""
    now = datetime.now(UTC)
    for days in range(1, 11):
        await database.fetch(
            "INSERT INTO print_jobs (id, file_name, status, completed_at) VALUES ({}, {}, 'completed', {})",
            uuid4(),
            f"{days}.gcode",
            now - timedelta(days=days, minutes=1),
        )
    await database.fetch(
        "INSERT INTO print_jobs (id, file_name, status, queued_at) VALUES ({}, 'waits.gcode', 'queued', {})",
        uuid4(),
        now - timedelta(days=999),
    )


async def left(database: Database) -> int:
    return int((await database.fetch("SELECT count(*) AS n FROM print_jobs"))[0]["n"])


async def test_it_deletes_again_and_again(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    await fill(database)
    retention = Retention(database, JobRepository(database), 7, first_after=0.01, every=0.05)
    with caplog.at_level(logging.INFO):
        async with retention.running():
            await eventually(lambda: "4 job(s) that ended more than 7 days ago were deleted" in caplog.text)
            assert await left(database) == 7
            await fill(database)

            async def deleted_again() -> bool:
                return await left(database) == 14

            await eventually(deleted_again)


async def test_for_ever(database: Database) -> None:
    await fill(database)
    async with Retention(database, JobRepository(database), 0, first_after=0.0, every=0.001).running():
        names = {task.get_name() for task in asyncio.all_tasks()}
    assert "retention of print jobs" not in names
    assert await left(database) == 11


async def test_a_failure_is_no_end(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    await fill(database)
    retention = Retention(database, JobRepository(database), 7, first_after=0.01, every=0.05)
    await database.fetch("ALTER TABLE print_jobs RENAME TO gone")
    async with retention.running():
        await eventually(lambda: "failed" in caplog.text)
        await database.fetch("ALTER TABLE gone RENAME TO print_jobs")

        async def deleted() -> bool:
            return await left(database) == 7

        await eventually(deleted)


async def test_of_several_replicas_one_is_at_it(migrated_postgres_url: str) -> None:
    one, other = Database.from_url(migrated_postgres_url), Database.from_url(migrated_postgres_url)
    await one.start()
    await other.start()
    try:
        await fill(one)
        async with one.transaction():
            await one.fetch("SELECT pg_advisory_xact_lock({})", _LOCK)
            assert await Retention(other, JobRepository(other), 7).run() is None
            assert await left(other) == 11
        assert await Retention(other, JobRepository(other), 7).run() == 4
    finally:
        await one.stop()
        await other.stop()
