"""Many at once, in one process and in several, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest
from fluxgate_printing.files.catalog import FileRepository
from fluxgate_printing.queue.records import JobRecord, NewJob
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.queue.states import InvalidTransitionError

from fluxgate.db import Database
from fluxgate.errors import ConflictError

pytestmark = pytest.mark.anyio


@pytest.fixture
def jobs(database: Database) -> JobRepository:
    return JobRepository(database)


async def add(jobs: JobRepository, name: str = "a.gcode") -> JobRecord:
    return (await jobs.enqueue(NewJob(file_name=name)))[0]


async def test_of_twenty_claims_one_wins(jobs: JobRepository) -> None:
    job = await add(jobs)
    claims = await asyncio.gather(*(jobs.claim(job.id, f"printer-{n}") for n in range(20)))
    winners = [claim for claim in claims if claim is not None]
    assert len(winners) == 1
    assert (await jobs.get(job.id)).printer_name == winners[0].printer_name


async def test_of_twenty_jobs_a_printer_gets_one(jobs: JobRepository) -> None:
    made = [await add(jobs) for _ in range(20)]
    claims = await asyncio.gather(*(jobs.claim(job.id, "mk4") for job in made), return_exceptions=True)
    assert Counter(type(claim) for claim in claims) == {JobRecord: 1, ConflictError: 19}
    assert len(await jobs.queue()) == 19


async def test_claims_against_cancels(jobs: JobRepository) -> None:
    for n in range(10):
        job = await add(jobs)
        claim, cancel = await asyncio.gather(jobs.claim(job.id, f"p{n}"), jobs.cancel(job.id))
        # a claim that won was canceled as a printing job, one that lost never printed
        assert cancel.status == "canceled"
        assert (claim is None) == (cancel.printer_name is None)


async def test_one_end_is_written(jobs: JobRepository) -> None:
    job = await add(jobs)
    await jobs.claim(job.id, "mk4")
    ends = await asyncio.gather(
        *(jobs.finish(job.id, status) for status in ("completed", "failed", "canceled") * 4),  # type: ignore[arg-type]
        return_exceptions=True,
    )
    assert Counter(type(end) for end in ends) == {JobRecord: 1, InvalidTransitionError: 11}


async def test_queue_ids_and_positions_are_unique(jobs: JobRepository) -> None:
    made = await asyncio.gather(
        *(jobs.enqueue(NewJob(file_name=f"{n}.gcode", priority=n % 3)) for n in range(30)),
        *(jobs.record_accepted(10_000 + n, NewJob(file_name="x"), entry_id=uuid4()) for n in range(5)),
    )
    queue = await jobs.queue()
    assert len(made) == len(queue) == 35
    assert len({job.fluxprint_queue_id for job in queue}) == 35
    assert len({job.position for job in queue}) == 35
    assert [job.priority for job in queue] == sorted((job.priority for job in queue), reverse=True)


async def test_one_key_many_times_at_once_makes_one_job(jobs: JobRepository) -> None:
    made = await asyncio.gather(*(jobs.enqueue(NewJob(file_name="a", idempotency_key="k")) for _ in range(20)))
    assert sum(created for _, created in made) == 1
    assert len({job.id for job, _ in made}) == 1
    entry = uuid4()
    recorded = await asyncio.gather(
        *(jobs.record_accepted(1, NewJob(file_name="b"), entry_id=entry) for _ in range(20))
    )
    assert len({job.id for job in recorded}) == 1
    assert len(await jobs.queue()) == 2


async def test_everything_that_changes_the_order_at_once(jobs: JobRepository) -> None:
    made = [await add(jobs, f"{n}.gcode") for n in range(8)]
    await jobs.claim(made[7].id, "mk4")

    async def reorder(place: int) -> None:
        with contextlib.suppress(ConflictError):  # claimed meanwhile
            await jobs.reorder([(made[place].fluxprint_queue_id or 0, 1)])

    await asyncio.gather(
        *(reorder(place) for place in range(6)),
        *(jobs.enqueue(NewJob(file_name=f"new{n}", priority=n)) for n in range(6)),
        jobs.release(made[7].id, "offline"),
        jobs.claim(made[6].id, "other"),
    )
    queue = await jobs.queue()
    assert len(queue) == 13
    assert len({job.position for job in queue}) == 13


async def test_a_file_is_not_removed_under_a_new_job(jobs: JobRepository, database: Database) -> None:
    files = FileRepository(database)
    for n in range(15):
        file = await files.add(f"{n}.gcode", "0" * 64, 1)
        removed, queued = await asyncio.gather(
            files.remove(file.name),
            jobs.enqueue(NewJob(file_name=file.name, file_id=file.id)),
            return_exceptions=True,
        )
        # one of the two was first, and the other was told
        assert isinstance(removed, BaseException) != isinstance(queued, BaseException), (removed, queued)
        assert (await files.get_by_name(file.name) is None) == isinstance(queued, BaseException)


async def test_versions_uploaded_at_once_leave_one_present(database: Database) -> None:
    files = FileRepository(database)
    await asyncio.gather(*(files.add("a.gcode", f"{n:064}", n + 1) for n in range(10)))
    assert len(await files.list()) == 1


async def test_three_processes_share_the_queue(jobs: JobRepository, migrated_url: str, tmp_path: Path) -> None:
    made = [await add(jobs, f"{n}.gcode") for n in range(12)]
    script = f"""
import asyncio, sys
from fluxgate.db import Database
from fluxgate_printing.queue.records import NewJob
from fluxgate_printing.queue.repository import JobRepository

async def main(me):
    database = Database.from_url({migrated_url!r})
    await database.start()
    jobs = JobRepository(database)
    for job in await jobs.queue():
        if job.file_name == "theirs":
            continue
        # a printer for each job: a process that comes later finds a shorter queue
        claimed = await jobs.claim(job.id, f"printer-of-{{job.file_name}}")
        if claimed is not None:
            print(claimed.id)
            await jobs.finish(claimed.id, "completed")
        await jobs.enqueue(NewJob(file_name="theirs"))
    await database.stop()

asyncio.run(main(sys.argv[1]))
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=dict(os.environ),
        )
        for number in range(3)
    ]
    results = [await asyncio.to_thread(process.communicate, timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], results
    claimed = [line for out, _ in results for line in out.split()]
    assert sorted(claimed) == sorted(str(job.id) for job in made)
    assert (await jobs.counts())["completed"] == 12
    queue = await jobs.queue()
    assert len({job.position for job in queue}) == len(queue) == len({job.fluxprint_queue_id for job in queue})
