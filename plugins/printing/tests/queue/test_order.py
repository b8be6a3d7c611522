"""The queue's order: positions, priorities, reordering, on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest
from fluxgate_printing.queue.records import NewJob
from fluxgate_printing.queue.repository import JobRepository
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluxgate.db import Database
from fluxgate.errors import ConflictError, NotFoundError, UnprocessableError

pytestmark = pytest.mark.anyio


@pytest.fixture
def jobs(database: Database) -> JobRepository:
    return JobRepository(database)


async def fill(jobs: JobRepository, count: int = 4) -> dict[str, int]:
    """Queue ids by file name: a, b, c, …"""
    made = [(await jobs.enqueue(NewJob(file_name=name)))[0] for name in "abcdefgh"[:count]]
    return {job.file_name: job.fluxprint_queue_id or 0 for job in made}


async def order(jobs: JobRepository) -> str:
    return "".join(job.file_name for job in await jobs.queue())


async def test_first_come_first_served(jobs: JobRepository) -> None:
    await fill(jobs)
    assert await order(jobs) == "abcd"
    assert len({job.position for job in await jobs.queue()}) == 4


async def test_priority_goes_ahead_of_lower_only(jobs: JobRepository) -> None:
    for name, priority in (("a", 0), ("b", 0), ("c", 5), ("d", 1), ("e", 5), ("f", 0), ("g", -1), ("h", 9)):
        await jobs.enqueue(NewJob(file_name=name, priority=priority))
    assert await order(jobs) == "hcedabfg"
    assert len({job.position for job in await jobs.queue()}) == 8


async def test_a_reordered_queue_stays_as_it_was_ordered(jobs: JobRepository) -> None:
    ids = await fill(jobs)
    after = await jobs.reorder([(ids["d"], 1), (ids["a"], 4)])
    assert "".join(job.file_name for job in after) == "dbca"
    assert await order(jobs) == "dbca"
    assert after == await jobs.queue()
    await jobs.enqueue(NewJob(file_name="e"))
    assert await order(jobs) == "dbcae"


async def test_one_move_shifts_the_others(jobs: JobRepository) -> None:
    ids = await fill(jobs)
    await jobs.reorder([(ids["a"], 3)])
    assert await order(jobs) == "bcad"
    await jobs.reorder([(ids["d"], 1)])
    assert await order(jobs) == "dbca"
    assert await jobs.reorder([]) == await jobs.queue()


async def test_a_bad_order_changes_nothing(jobs: JobRepository) -> None:
    ids = await fill(jobs)
    before = await jobs.queue()
    for items in (
        [(ids["a"], 1), (ids["a"], 2)],
        [(ids["a"], 1), (ids["b"], 1)],
        [(ids["b"], 1), (ids["a"], 0)],
        [(ids["b"], 1), (ids["a"], 5)],
    ):
        with pytest.raises(UnprocessableError) as caught:
            await jobs.reorder(items)
        assert caught.value.problem_code == "QUEUE_ORDER_INVALID"
        assert caught.value.field == "items"
    with pytest.raises(NotFoundError):
        await jobs.reorder([(ids["b"], 1), (999_999, 2)])
    assert await jobs.queue() == before
    await jobs.claim(before[0].id, "mk4")
    with pytest.raises(ConflictError) as conflict:
        await jobs.reorder([(ids["d"], 1), (ids["a"], 2)])
    assert conflict.value.problem_code == "JOB_NOT_QUEUED"
    assert await order(jobs) == "bcd"


async def test_cancelling_the_whole_queue(jobs: JobRepository) -> None:
    await fill(jobs)
    first = (await jobs.queue())[0]
    await jobs.claim(first.id, "mk4")
    canceled = await jobs.cancel_all_queued()
    assert sorted(job.file_name for job in canceled) == ["b", "c", "d"]
    assert all(job.status == "canceled" and job.canceled_at == job.completed_at for job in canceled)
    assert await jobs.queue() == []
    assert (await jobs.get(first.id)).status == "printing"
    assert await jobs.cancel_all_queued() == []


async def test_the_order_survives_a_restart(jobs: JobRepository, database: Database) -> None:
    ids = await fill(jobs)
    await jobs.reorder([(ids["c"], 1)])
    await database.stop()
    await database.start()
    assert await order(JobRepository(database)) == "cabd"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 5), picks=st.permutations(range(5)), places=st.permutations(range(1, 6)))
async def test_any_valid_order_is_what_comes_out(
    jobs: JobRepository, count: int, picks: list[int], places: list[int]
) -> None:
    await jobs.cancel_all_queued()
    for _ in range(5):
        await jobs.enqueue(NewJob(file_name="x"))
    before = await jobs.queue()
    wishes = {before[pick].fluxprint_queue_id or 0: place for pick, place in zip(picks[:count], places, strict=False)}
    after = await jobs.reorder(list(wishes.items()))
    for queue_id, place in wishes.items():
        assert after[place - 1].fluxprint_queue_id == queue_id
    assert [job.position for job in after] == [1, 2, 3, 4, 5]
    assert [job.id for job in after if job.fluxprint_queue_id not in wishes] == [
        job.id for job in before if job.fluxprint_queue_id not in wishes
    ]
