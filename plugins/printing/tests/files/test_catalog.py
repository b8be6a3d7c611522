"""Files by name and version, and projects by either id, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from fluxgate_printing.files.catalog import FileChoice, FileRecord, FileRepository
from fluxgate_printing.projects import ProjectRepository
from fluxgate_printing.queue.records import NewJob
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.sight import EVERYTHING, Sight

from fluxgate.db import Database
from fluxgate.errors import ConflictError, NotFoundError

pytestmark = pytest.mark.anyio

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def files(database: Database) -> FileRepository:
    return FileRepository(database)


@pytest.fixture
def jobs(database: Database) -> JobRepository:
    return JobRepository(database)


async def test_a_file_comes_back_as_it_went_in(files: FileRepository) -> None:
    analysis = {"estimated_time": 12.5, "materials": ["PLA"]}
    file = await files.add(
        "Schüssel.gcode",
        ONE,
        2**40,
        storage_key="11/1",
        content_type="text/x.gcode",
        analysis=analysis,
        uploaded_by="ann",
    )
    assert await files.get(file.id) == await files.get_by_name("Schüssel.gcode") == file
    assert await files.list() == [file]
    assert type(file.id) is UUID
    assert (file.size, file.storage_key, file.analysis, file.uploaded_by) == (2**40, "11/1", analysis, "ann")
    assert file.created_at.utcoffset() == timedelta(0)
    assert file.deleted_at is None
    assert await files.get(uuid4()) is None
    assert await files.get_by_name("nothing") is None


async def test_the_same_content_again_is_the_same_file(files: FileRepository) -> None:
    first = await files.add("a.gcode", ONE, 5)
    assert await files.add("a.gcode", ONE, 5) == first
    assert first.storage_key == ONE


async def test_new_content_replaces_an_unused_version(files: FileRepository) -> None:
    old = await files.add("a.gcode", ONE, 5)
    new = await files.add("a.gcode", TWO, 6)
    assert new.id != old.id
    assert await files.get(old.id) is None
    assert await files.list() == [new]
    assert not await files.is_needed(ONE)
    assert await files.is_needed(TWO)


async def test_a_queued_job_keeps_the_version_it_was_queued_with(files: FileRepository, jobs: JobRepository) -> None:
    old = await files.add("a.gcode", ONE, 5)
    job, _ = await jobs.enqueue(NewJob(file_name="a.gcode", file_id=old.id))
    new = await files.add("a.gcode", TWO, 6)
    assert await files.list() == [new]
    kept = await files.get(old.id)
    assert kept is not None
    assert kept.sha256 == ONE
    assert kept.deleted_at is not None
    assert (await jobs.get(job.id)).file_id == old.id
    assert await files.is_needed(ONE)
    await jobs.cancel(job.id)
    assert not await files.is_needed(ONE)


async def test_a_file_in_use_is_not_removed(files: FileRepository, jobs: JobRepository) -> None:
    file = await files.add("a.gcode", ONE, 5)
    job, _ = await jobs.enqueue(NewJob(file_name="a.gcode", file_id=file.id))
    for _ in ("queued", "printing"):
        with pytest.raises(ConflictError) as caught:
            await files.remove("a.gcode")
        assert caught.value.problem_code == "FILE_IN_USE"
        await jobs.claim(job.id, "mk4")
    await jobs.finish(job.id, "completed")
    assert await files.remove("a.gcode") == file
    assert await files.get_by_name("a.gcode") is None
    assert (await jobs.get(job.id)).file_id == file.id
    assert not await files.is_needed(ONE)


async def test_removing_twice_does_no_harm(files: FileRepository) -> None:
    file = await files.add("a.gcode", ONE, 5)
    assert await files.remove("a.gcode") == file
    assert await files.remove("a.gcode") is None
    assert await files.get(file.id) is None
    again = await files.add("a.gcode", ONE, 5)
    assert again.id != file.id


async def test_content_with_two_names_is_needed_until_both_are_gone(files: FileRepository) -> None:
    await files.add("a.gcode", ONE, 5)
    await files.add("b.gcode", ONE, 5)
    await files.remove("a.gcode")
    assert await files.is_needed(ONE)
    await files.remove("b.gcode")
    assert not await files.is_needed(ONE)


async def test_analysis_may_come_later(files: FileRepository) -> None:
    file = await files.add("a.gcode", ONE, 5)
    assert file.analysis is None
    await files.set_analysis(file.id, {"layers": 3})
    found = await files.get(file.id)
    assert found is not None
    assert found.analysis == {"layers": 3}
    await files.set_analysis(uuid4(), {})


async def test_a_new_version_stays_in_its_project(files: FileRepository, database: Database) -> None:
    project = uuid4()
    await database.fetch("INSERT INTO projects (id, title) VALUES ({}, 'Boat')", project)
    await files.add("a.gcode", ONE, 5, project_id=project)
    assert (await files.add("a.gcode", TWO, 5)).project_id == project


async def test_projects_by_either_id(database: Database) -> None:
    projects, one, two = ProjectRepository(database), uuid4(), uuid4()
    sql = "INSERT INTO projects (id, external_id, title) VALUES ({}, {}, 'Boat')"
    await database.fetch(sql, one, "clx0abc")
    await database.fetch(sql, two, str(one))
    assert await projects.resolve("clx0abc") == one
    assert await projects.resolve(one) == await projects.resolve(str(one).upper()) == one
    assert await projects.resolve(two) == two
    for nobody in (uuid4(), "", "nobody", "x\0y", "' OR 1=1 --", "ü" * 5000):
        assert await projects.resolve(nobody) is None


async def test_files_are_chosen_alike_with_and_without_a_limit(files: FileRepository) -> None:
    for number, name in enumerate(("b-Ärger.gcode", "a.gcode", "C.gcode", "ärger 2.gcode", "a_b.gcode")):
        await files.add(name, f"{number}" * 64, 10 - number)
    for sort in ("name", "-name", "date", "-date", "size", "-size"):
        for search in ("", "ÄRGER", "_", "%", "gcode"):
            whole, count = await files.choose(FileChoice(search=search, sort=sort))
            assert count == len(whole)
            assert all(search.casefold() in file.name.casefold() for file in whole)
            for offset in range(6):
                page, of = await files.choose(FileChoice(search=search, sort=sort, limit=2, offset=offset))
                assert (list(page), of) == (list(whole[offset : offset + 2]), count)
    assert [file.name[0] for file in (await files.choose(FileChoice(sort="name")))[0]] == ["a", "a", "b", "C", "ä"]


async def test_a_file_goes_with_the_jobs_that_wait_for_it(files: FileRepository, jobs: JobRepository) -> None:
    file = await files.add("a.gcode", ONE, 5)
    other = await files.add("b.gcode", TWO, 5)
    first, _ = await jobs.enqueue(NewJob(file_name="a.gcode", file_id=file.id, created_by="ann"))
    second, _ = await jobs.enqueue(NewJob(file_name="a.gcode", file_id=file.id, created_by="bob"))
    kept, _ = await jobs.enqueue(NewJob(file_name="b.gcode", file_id=other.id))
    ann = Sight(me="ann", own_only=True, editing=True)

    async def release(found: FileRecord, sight: Sight = EVERYTHING) -> None:
        await jobs.cancel_all_of(found, sight)

    with pytest.raises(ConflictError, match="1 of them you may not cancel"):
        await files.remove("a.gcode", EVERYTHING, lambda found: release(found, ann))
    assert [job.id for job in await jobs.queue()] == [first.id, second.id, kept.id], "all or none"
    await jobs.claim(second.id, "mk4")
    with pytest.raises(ConflictError, match="2 queued or printing"):
        await files.remove("a.gcode", EVERYTHING, release)
    assert (await jobs.get(first.id)).status == "queued"
    await jobs.finish(second.id, "completed")
    assert await files.remove("a.gcode", ann, release) is None, "it isn't Ann's"
    assert (await jobs.get(first.id)).status == "queued"
    removed = await files.remove("a.gcode", EVERYTHING, release)
    assert removed is not None
    assert removed.id == file.id
    canceled = await jobs.get(first.id)
    assert (canceled.status, canceled.canceled_at is not None) == ("canceled", True)
    assert [job.id for job in await jobs.queue()] == [kept.id]
    assert await files.remove("a.gcode", EVERYTHING, release) is None


async def test_files_and_jobs_at_once_dont_wait_for_each_other_for_ever(
    files: FileRepository, jobs: JobRepository
) -> None:
    async def delete() -> None:
        async def release(found: FileRecord) -> None:
            await jobs.cancel_all_of(found)

        await files.remove("a.gcode", EVERYTHING, release)

    async def queue(file_id: UUID) -> None:
        with contextlib.suppress(NotFoundError):
            await jobs.enqueue(NewJob(file_name="a.gcode", file_id=file_id))

    for round_ in range(10):
        file = await files.add("a.gcode", f"{round_}" * 64, 5)
        async with asyncio.timeout(30):
            await asyncio.gather(*(queue(file.id) for _ in range(4)), delete(), delete())
        assert await jobs.queue() == []
        assert await files.get_by_name("a.gcode") is None
