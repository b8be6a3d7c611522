"""One job at a time: queueing, claiming, moving, ending, on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from fluxgate_printing.files.catalog import FileRepository
from fluxgate_printing.queue.history import JobHistory
from fluxgate_printing.queue.records import JobRecord, NewJob
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.queue.states import InvalidTransitionError

from fluxgate.db import Database
from fluxgate.errors import ConflictError, NotFoundError, UnprocessableError

pytestmark = pytest.mark.anyio


@pytest.fixture
def jobs(database: Database) -> JobRepository:
    return JobRepository(database)


async def add(jobs: JobRepository, name: str = "a.gcode", **values: object) -> JobRecord:
    return (await jobs.enqueue(NewJob(file_name=name, **values)))[0]  # type: ignore[arg-type]


async def printing(jobs: JobRepository, name: str = "a.gcode", printer: str = "mk4") -> JobRecord:
    job = await jobs.claim((await add(jobs, name)).id, printer)
    assert job is not None
    return job


def recent(moment: datetime | None) -> bool:
    return (
        moment is not None
        and moment.utcoffset() == timedelta(0)
        and abs(datetime.now(UTC) - moment) < timedelta(seconds=30)
    )


async def test_a_job_comes_back_as_it_went_in(jobs: JobRepository) -> None:
    job, created = await jobs.enqueue(
        NewJob(
            file_name="Schüssel 碗.gcode",
            file_path="local/x",
            priority=3,
            copies=2,
            estimated_time=3600,
            print_settings={"infill": 0, "nested": [1, {"ü": None}]},
            material_type="PLA",
            material_color="blue",
            notes="{braces} and 'quotes'",
            metadata={"a": 1.5},
        )
    )
    assert created
    assert job == await jobs.get(job.id)
    assert type(job.id) is UUID
    assert job.file_name == "Schüssel 碗.gcode"
    assert job.print_settings == {"infill": 0, "nested": [1, {"ü": None}]}
    assert job.metadata == {"a": 1.5}
    assert (job.copies, job.priority, job.estimated_time, job.notes) == (2, 3, 3600, "{braces} and 'quotes'")
    assert (job.status, job.progress, job.material_used) == ("queued", 0.0, None)
    assert type(job.progress) is float
    assert type(job.outcome_unknown) is bool
    assert recent(job.queued_at)
    assert recent(job.created_at)
    assert isinstance(job.fluxprint_queue_id, int)


async def test_missing_jobs(jobs: JobRepository) -> None:
    nobody = uuid4()
    assert await jobs.find(nobody) is None
    assert await jobs.claim(nobody, "mk4") is None
    for call in (
        jobs.get(nobody),
        jobs.update_progress(nobody, 1),
        jobs.finish(nobody, "failed"),
        jobs.cancel(nobody),
        jobs.release(nobody, "x"),
        jobs.mark_unknown(nobody, "x"),
        jobs.adopt(nobody),
        jobs.update_status(nobody, "failed"),
        jobs.calculate_print_time(nobody),
    ):
        with pytest.raises(NotFoundError) as caught:
            await call
        assert caught.value.problem_code == "JOB_NOT_FOUND"


async def test_one_idempotency_key_makes_one_job(jobs: JobRepository) -> None:
    first = await jobs.enqueue(NewJob(file_name="a.gcode", idempotency_key="k"))
    second = await jobs.enqueue(NewJob(file_name="a.gcode", idempotency_key="k"))
    assert (first[1], second[1]) == (True, False)
    assert first[0] == second[0]
    with pytest.raises(ConflictError) as caught:
        await jobs.enqueue(NewJob(file_name="b.gcode", idempotency_key="k"))
    assert caught.value.problem_code == "IDEMPOTENCY_KEY_REUSED"
    assert len(await jobs.queue()) == 1
    await add(jobs)
    await add(jobs)  # no key: as many as you like
    assert len(await jobs.queue()) == 3


async def test_queue_ids_are_never_used_again(jobs: JobRepository, database: Database) -> None:
    first = await add(jobs)
    await jobs.cancel(first.id)
    await database.fetch("DELETE FROM print_jobs")
    second = await add(jobs)
    assert first.fluxprint_queue_id is not None
    assert second.fluxprint_queue_id is not None
    assert second.fluxprint_queue_id > first.fluxprint_queue_id


async def test_a_job_needs_a_present_file(jobs: JobRepository, database: Database) -> None:
    files = FileRepository(database)
    old = await files.add("a.gcode", "1" * 64, 10)
    job = await add(jobs, file_id=old.id)
    assert job.file_id == old.id
    await files.add("a.gcode", "2" * 64, 20)
    for file_id in (old.id, uuid4()):
        with pytest.raises(NotFoundError) as caught:
            await add(jobs, file_id=file_id)
        assert caught.value.problem_code == "FILE_NOT_FOUND"


async def test_accepted_jobs_are_recorded_once(jobs: JobRepository) -> None:
    entry, accepted_at = uuid4(), datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
    new = NewJob(file_name="a.gcode", metadata={"source": "queue"})
    first = await jobs.record_accepted(17, new, entry_id=entry, accepted_at=accepted_at)
    assert await jobs.record_accepted(17, new, entry_id=entry, accepted_at=accepted_at) == first
    assert (first.fluxprint_queue_id, first.queued_at, first.status) == (17, accepted_at, "queued")
    unnumbered = await jobs.record_accepted(None, new, entry_id=uuid4())
    assert unnumbered.fluxprint_queue_id is None
    assert len(await jobs.queue()) == 2


async def test_a_reused_queue_id_means_the_newest_job_not_ended(jobs: JobRepository) -> None:
    new = NewJob(file_name="a.gcode")
    then = datetime.now(UTC)
    old = await jobs.record_accepted(5, new, entry_id=uuid4(), accepted_at=then - timedelta(hours=2))
    newer = await jobs.record_accepted(5, new, entry_id=uuid4(), accepted_at=then - timedelta(hours=1))
    newest = await jobs.record_accepted(5, new, entry_id=uuid4(), accepted_at=then)
    await jobs.cancel(newest.id)
    found = await jobs.by_queue_id(5)
    assert found is not None
    assert found.id == newer.id
    await jobs.cancel(newer.id)
    await jobs.cancel(old.id)
    assert await jobs.by_queue_id(5) is None
    ended = await jobs.by_queue_id(5, ended=True)
    assert ended is not None
    assert ended.id == newest.id
    assert await jobs.by_queue_id(10**12) is None
    assert await jobs.by_queue_id(6) is None


async def test_a_claim_starts_the_job(jobs: JobRepository) -> None:
    queued = await add(jobs)
    job = await jobs.claim(queued.id, "mk4")
    assert job is not None
    assert (job.status, job.printer_name, job.progress) == ("printing", "mk4", 0.0)
    assert recent(job.started_at)
    assert job == await jobs.get(job.id)
    assert await jobs.claim(queued.id, "other") is None
    assert (await jobs.get(job.id)).printer_name == "mk4"


async def test_a_printer_with_a_job_gets_no_other(jobs: JobRepository) -> None:
    first = await printing(jobs)
    second = await add(jobs)
    with pytest.raises(ConflictError) as caught:
        await jobs.claim(second.id, "mk4")
    assert caught.value.problem_code == "PRINTER_BUSY"
    assert (await jobs.get(second.id)).status == "queued"
    await jobs.mark_unknown(first.id, "no answer")
    with pytest.raises(ConflictError):
        await jobs.claim(second.id, "mk4")
    await jobs.finish(first.id, "completed")
    assert await jobs.claim(second.id, "mk4")


async def test_a_cancel_that_lands_first_wins(jobs: JobRepository) -> None:
    job = await add(jobs)
    canceled = await jobs.cancel(job.id)
    assert canceled.status == "canceled"
    assert recent(canceled.canceled_at)
    assert recent(canceled.completed_at)
    assert canceled.actual_time is None
    assert await jobs.claim(job.id, "mk4") is None


async def test_progress(jobs: JobRepository) -> None:
    job = await printing(jobs)
    moved = await jobs.update_progress(job.id, 12.345, printer_status="printing", estimated_time=99, material_used=1.5)
    assert moved.progress == pytest.approx(12.35, abs=0.011)
    assert (moved.printer_status, moved.estimated_time, moved.material_used) == ("printing", 99, 1.5)
    again = await jobs.update_progress(job.id, 50)
    assert (again.progress, again.printer_status, again.estimated_time, again.material_used) == (
        50,
        "printing",
        99,
        1.5,
    )
    assert (await jobs.update_progress(job.id, 100.7)).progress == 100
    assert (await jobs.update_progress(job.id, -3)).progress == 0
    with pytest.raises(ValueError, match="not a number"):
        await jobs.update_progress(job.id, float("nan"))
    await jobs.finish(job.id, "failed", error_message="jam")
    with pytest.raises(InvalidTransitionError):
        await jobs.update_progress(job.id, 60)
    assert (await jobs.get(job.id)).progress == 0
    with pytest.raises(InvalidTransitionError):
        await jobs.update_progress((await add(jobs)).id, 1)


async def test_the_three_ends(jobs: JobRepository) -> None:
    done = await jobs.finish((await printing(jobs)).id, "completed", actual_time=61, material_used=12.34)
    assert (done.progress, done.actual_time, done.material_used, done.error_timestamp) == (100.0, 61, 12.34, None)
    failed = await jobs.finish((await printing(jobs)).id, "failed", error_message="thermal runaway")
    assert failed.error_message == "thermal runaway"
    assert recent(failed.error_timestamp)
    assert failed.progress == 0.0
    assert failed.actual_time == 0
    canceled = await jobs.finish((await printing(jobs)).id, "canceled")
    assert recent(canceled.canceled_at)
    for job in (done, failed, canceled):
        assert recent(job.completed_at)
        for status in ("completed", "failed", "canceled"):
            with pytest.raises(InvalidTransitionError):
                await jobs.finish(job.id, status)
        assert await jobs.get(job.id) == job
    with pytest.raises(InvalidTransitionError):
        await jobs.finish((await add(jobs)).id, "completed")
    with pytest.raises(ValueError, match="not an end"):
        await jobs.finish(done.id, "printing")  # type: ignore[arg-type]


async def test_release_puts_a_job_at_the_head(jobs: JobRepository) -> None:
    first, second, third = [await add(jobs, f"{n}.gcode") for n in range(3)]
    await jobs.claim(second.id, "mk4")
    await jobs.update_progress(second.id, 0, printer_status="connecting")
    released = await jobs.release(second.id, "the printer was offline")
    assert (released.status, released.state_detail) == ("queued", "the printer was offline")
    assert (released.printer_name, released.started_at, released.printer_status) == (None, None, None)
    assert [job.id for job in await jobs.queue()] == [second.id, first.id, third.id]
    with pytest.raises(InvalidTransitionError):
        await jobs.release(second.id, "again")
    claimed = await jobs.claim(second.id, "mk4")
    assert claimed is not None
    assert claimed.state_detail is None


async def test_an_unknown_outcome_is_held(jobs: JobRepository) -> None:
    job = await printing(jobs)
    held = await jobs.mark_unknown(job.id, "no answer to start")
    assert (held.status, held.outcome_unknown, held.state_detail) == ("printing", True, "no answer to start")
    assert (await jobs.update_progress(job.id, 5)).outcome_unknown
    adopted = await jobs.adopt(job.id)
    assert (adopted.outcome_unknown, adopted.state_detail) == (False, None)
    await jobs.mark_unknown(job.id, "again")
    done = await jobs.finish(job.id, "completed")
    assert (done.outcome_unknown, done.state_detail) == (False, None)
    for other in (job.id, (await add(jobs)).id):
        with pytest.raises(InvalidTransitionError):
            await jobs.mark_unknown(other, "x")


async def test_active_and_history(jobs: JobRepository, database: Database) -> None:
    project = uuid4()
    await database.fetch("INSERT INTO projects (id, title) VALUES ({}, 'Boat')", project)
    made = [await add(jobs, f"{n}.gcode", project_id=project if n % 2 else None) for n in range(6)]
    await jobs.claim(made[4].id, "a")
    for job in made[:3]:
        await jobs.cancel(job.id)
    assert [job.file_name for job in await jobs.active()] == ["4.gcode", "3.gcode", "5.gcode"]
    history = JobHistory(database)
    assert [job.file_name for job in await history.page()] == ["2.gcode", "1.gcode", "0.gcode"]
    assert [job.file_name for job in await history.page(limit=1, offset=1)] == ["1.gcode"]
    assert await history.count() == 3


async def test_cleanup_deletes_only_old_ends(jobs: JobRepository, database: Database) -> None:
    old = datetime.now(UTC) - timedelta(days=91)
    young = datetime.now(UTC) - timedelta(days=89)
    made = [await add(jobs, f"{n}.gcode") for n in range(4)]
    await jobs.cancel(made[0].id)
    await jobs.cancel(made[1].id)
    for job, moment in zip(made, (old, young, old, old), strict=True):
        await database.fetch(
            "UPDATE print_jobs SET completed_at = {}, queued_at = {}, updated_at = {} WHERE id = {}",
            moment,
            moment,
            moment,
            job.id,
        )
    assert await jobs.cleanup() == 1
    assert await jobs.find(made[0].id) is None
    assert await jobs.cleanup(days=30) == 1
    assert len(await jobs.queue()) == 2
    with pytest.raises(UnprocessableError):
        await jobs.cleanup(days=-1)


async def test_progress_out_of_range_is_refused_in_a_status_update(jobs: JobRepository) -> None:
    job = await printing(jobs)
    for progress in (-0.01, 100.01, float("nan")):
        with pytest.raises(UnprocessableError) as caught:
            await jobs.update_status(job.id, "printing", progress)
        assert caught.value.problem_code == "PROGRESS_OUT_OF_RANGE"
    assert await jobs.get(job.id) == job
    with pytest.raises(InvalidTransitionError):
        await jobs.update_status(job.id, "bananas")
