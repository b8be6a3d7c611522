"""What a print took is noted when it ends, from what its file says, on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest
from fluxgate_printing.files.catalog import FileRepository
from fluxgate_printing.queue.records import JobRecord, NewJob
from fluxgate_printing.queue.repository import JobRepository

from fluxgate.db import Database

pytestmark = pytest.mark.anyio

TWELVE_GRAMS = {"filament_weight": 12.0}


@pytest.fixture
def jobs(database: Database) -> JobRepository:
    return JobRepository(database, density=2.0)


async def printing(
    database: Database, jobs: JobRepository, analysis: dict[str, Any] | None, progress: float = 0.0, **values: Any
) -> JobRecord:
    """A job that prints a file of this analysis, and is so far."""
    file = await FileRepository(database).add("a.gcode", "1" * 64, 10, analysis=analysis)
    made, _ = await jobs.enqueue(NewJob(file_name=file.name, file_id=file.id, **values))
    claimed = await jobs.claim(made.id, "mk4")
    assert claimed is not None
    return await jobs.update_progress(claimed.id, progress)


async def test_completed_took_all(database: Database, jobs: JobRepository) -> None:
    job = await printing(database, jobs, TWELVE_GRAMS, 40)
    assert (await jobs.finish(job.id, "completed")).material_used == 12.0


@pytest.mark.parametrize("status", ["failed", "canceled"])
async def test_what_ended_short_took_its_share(database: Database, jobs: JobRepository, status: Any) -> None:
    job = await printing(database, jobs, TWELVE_GRAMS, 25)
    assert (await jobs.finish(job.id, status)).material_used == 3.0


async def test_what_is_settled_by_hand_too(database: Database, jobs: JobRepository) -> None:
    job = await printing(database, jobs, TWELVE_GRAMS, 25)
    assert (await jobs.update_status(job.id, "failed", progress=50)).material_used == 6.0


async def test_an_unknown_outcome_that_is_withdrawn(database: Database, jobs: JobRepository) -> None:
    job = await printing(database, jobs, TWELVE_GRAMS, 50)
    await jobs.mark_unknown(job.id, "lost")
    assert (await jobs.withdraw(job.id)).material_used == 6.0


async def test_density_counts(database: Database, jobs: JobRepository) -> None:
    job = await printing(database, jobs, {"filament_volume": 3.0}, material_type="unobtainium")
    assert (await jobs.finish(job.id, "completed")).material_used == 6.0


async def test_every_copy_is_a_job_of_its_own(database: Database, jobs: JobRepository) -> None:
    first = await printing(database, jobs, TWELVE_GRAMS, copies=3)
    assert (await jobs.finish(first.id, "completed")).material_used == 12.0
    second = (await jobs.copies_of(first))[1]
    assert await jobs.claim(second.id, "mk4") is not None
    assert (await jobs.finish(second.id, "completed")).material_used == 12.0


async def test_what_somebody_said_stays(database: Database, jobs: JobRepository) -> None:
    job = await printing(database, jobs, TWELVE_GRAMS)
    assert (await jobs.finish(job.id, "completed", material_used=7.5)).material_used == 7.5
    job = await printing(database, jobs, TWELVE_GRAMS)
    await jobs.update_progress(job.id, 10, material_used=1.5)
    assert (await jobs.finish(job.id, "failed")).material_used == 1.5


@pytest.mark.parametrize("analysis", [None, {}, {"filament_weight": None, "tools": []}])
async def test_what_isnt_known_stays_so(database: Database, jobs: JobRepository, analysis: Any) -> None:
    job = await printing(database, jobs, analysis)
    assert (await jobs.finish(job.id, "completed")).material_used is None


async def test_what_never_began_took_nothing(database: Database, jobs: JobRepository) -> None:
    file = await FileRepository(database).add("a.gcode", "1" * 64, 10, analysis=TWELVE_GRAMS)
    made, _ = await jobs.enqueue(NewJob(file_name=file.name, file_id=file.id))
    assert (await jobs.cancel(made.id)).material_used is None
