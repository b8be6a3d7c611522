"""Quotas and free space: what is refused, when, and that several uploads at once don't get past them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fluxgate_printing.files.catalog import FileRepository
from fluxgate_printing.files.room import STEP, Room, Share
from fluxgate_printing.files.store import FileStore
from fluxgate_printing.queue.records import NewJob
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.settings import FileSettings

from fluxgate.db import Database
from fluxgate.errors import ProblemError

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
Make = Callable[..., Room]


@pytest.fixture
def files(database: Database) -> FileRepository:
    return FileRepository(database)


@pytest.fixture
def make(files: FileRepository, tmp_path: Path) -> Make:
    store = FileStore(tmp_path / "files")
    return lambda **settings: Room(files, store, FileSettings(**{"min_free_bytes": 0, **settings}))


def length(number: int) -> list[tuple[bytes, bytes]]:
    return [(b"content-length", b"%d" % number)]


async def piece() -> dict[str, Any]:
    return {"type": "http.request", "body": b"x" * MIB, "more_body": True}


async def begin(share: Share, pieces: int = 1) -> None:
    receive = share.counting(piece)
    for _ in range(pieces):
        await receive()


async def refused(share: Share, pieces: int = 1) -> ProblemError:
    with pytest.raises(ProblemError) as info:
        await begin(share, pieces)
    return info.value


async def test_the_stores_quota(files: FileRepository, make: Make) -> None:
    room = make(quota_bytes=10 * MIB)
    await files.add("a.gcode", "1" * 64, 4 * MIB, uploaded_by="ann")
    await files.add("same.gcode", "1" * 64, 4 * MIB, uploaded_by="bob")
    async with room.shared("ann", length(6 * MIB)) as share:
        await begin(share)
    async with room.shared("ann", length(7 * MIB)) as share:
        problem = await refused(share)
    assert (problem.problem_status, problem.problem_code, share.received) == (507, "STORAGE_FULL", 0)
    space = await room.space("ann")
    assert (space.used, space.free, space.total, space.quota) == (4 * MIB, 6 * MIB, 10 * MIB, None)


async def test_contents_that_jobs_need_count(files: FileRepository, database: Database, make: Make) -> None:
    jobs = JobRepository(database)
    old = await files.add("a.gcode", "1" * 64, 4 * MIB)
    job, _ = await jobs.enqueue(NewJob(file_name="a.gcode", file_id=old.id))
    await files.add("a.gcode", "2" * 64, MIB)
    assert (await make().space("ann")).used == 5 * MIB
    await jobs.cancel(job.id)
    assert (await make().space("ann")).used == MIB


async def test_a_callers_quota(files: FileRepository, make: Make) -> None:
    room = make(user_quota_bytes=10 * MIB)
    await files.add("a.gcode", "1" * 64, 4 * MIB, uploaded_by="ann")
    async with room.shared("ann", length(7 * MIB)) as share:
        problem = await refused(share)
    assert (problem.problem_status, problem.problem_code, problem.field) == (413, "QUOTA_EXCEEDED", "files")
    assert f"{4 * MIB} of your {10 * MIB} bytes" in problem.message
    async with room.shared("bob", length(7 * MIB)) as share:
        await begin(share)
    space = await room.space("ann")
    assert (space.mine, space.quota, space.free) == (4 * MIB, 10 * MIB, 6 * MIB)


async def test_the_disk_keeps_some_free(make: Make) -> None:
    free = (await make().space("ann")).free
    async with make(min_free_bytes=2 * free).shared("ann", length(10)) as share:
        assert (await refused(share)).problem_code == "STORAGE_FULL"
    async with make().shared("ann", length(2 * free)) as share:
        assert (await refused(share)).problem_code == "STORAGE_FULL"
    assert (await make(min_free_bytes=2 * free).space("ann")).free == 0


async def test_uploads_at_once_share_what_is_there(make: Make) -> None:
    room = make(quota_bytes=10 * MIB)
    async with room.shared("ann", length(6 * MIB)) as first, room.shared("bob", length(6 * MIB)) as second:
        answers = await asyncio.gather(begin(first), begin(second), return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == ["NoneType", "ProblemError"]
    async with room.shared("bob", length(6 * MIB)) as share:
        await begin(share)  # what was set aside is there again


async def test_an_upload_that_doesnt_say_how_long_it_is(make: Make) -> None:
    room = make(quota_bytes=10 * MIB)
    async with room.shared("ann", []) as share:
        assert (await refused(share, 30)).problem_code == "STORAGE_FULL"
        assert share.received <= 10 * MIB + STEP


async def test_the_files_own_bytes_count_in_the_end(files: FileRepository, make: Make) -> None:
    room = make(quota_bytes=10 * MIB)
    async with room.shared("ann", length(10 * MIB + 400)) as share:  # with the form around them
        await begin(share)
        async with share.settled(10 * MIB):
            await files.add("a.gcode", "1" * 64, 10 * MIB)
    await files.remove("a.gcode")
    async with room.shared("ann", []) as share:
        await begin(share)
        with pytest.raises(ProblemError) as info:
            async with share.settled(10 * MIB + 1):
                raise AssertionError("there is no room")
    assert info.value.problem_code == "STORAGE_FULL"


async def test_what_becomes_files_isnt_counted_twice(files: FileRepository, make: Make) -> None:
    room = make(quota_bytes=10 * MIB)

    async def upload(number: int) -> None:
        async with room.shared("ann", length(MIB)) as share:
            await begin(share)
            async with share.settled(MIB):
                await files.add(f"{number}.gcode", f"{number}" * 64, MIB)

    await asyncio.gather(*map(upload, range(10)))
    assert (await room.space("ann")).free == 0
