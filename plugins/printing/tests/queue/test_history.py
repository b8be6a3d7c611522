"""The list of jobs that ended, sifted, and a project's numbers, on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from fluxgate_printing.files.catalog import FileRepository
from fluxgate_printing.projects import ProjectRepository
from fluxgate_printing.queue import history as history_module
from fluxgate_printing.queue.history import HistoryFilter, JobHistory
from fluxgate_printing.queue.records import NewJob
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.queue.statistics import Part, ProjectStatistics, figures
from fluxgate_printing.sight import Sight

from fluxgate.db import Database
from fluxgate.errors import ConflictError, NotFoundError

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)


async def project(database: Database, title: str = "Boat", owner: str = "paula") -> UUID:
    made = uuid4()
    await database.fetch("INSERT INTO projects (id, title, owner) VALUES ({}, {}, {})", made, title, owner)
    return made


async def job(database: Database, ended: datetime | None = NOON, **columns: Any) -> UUID:
    """A row as it is; by default completed at `ended`."""
    values = {
        "id": uuid4(),
        "file_name": "a.gcode",
        "status": "completed",
        "completed_at": ended,
        "queued_at": NOON,
        "created_at": NOON,
        "updated_at": NOON,
        **columns,
    }
    marks = ", ".join("{}" for _ in values)
    await database.fetch(f"INSERT INTO print_jobs ({', '.join(values)}) VALUES ({marks})", *values.values())
    return values["id"]


async def names(database: Database, wanted: HistoryFilter = history_module.ANYTHING, **options: Any) -> list[str]:
    history = JobHistory(database)
    found = [each.file_name for each in await history.page(wanted, **options)]
    if not options:
        assert await history.count(wanted) == len(found)
    return found


async def test_latest_first_and_in_pages(database: Database) -> None:
    for number in range(7):
        await job(database, NOON + timedelta(minutes=number // 2), file_name=f"{number}.gcode")
    await job(database, None, status="queued", file_name="waits.gcode")
    whole = await JobHistory(database).page()
    assert len(whole) == 7
    assert all(one.completed_at >= two.completed_at for one, two in pairwise(whole))  # type: ignore[operator]
    paged = [each.id for offset in range(0, 9, 2) for each in await JobHistory(database).page(limit=2, offset=offset)]
    assert paged == [each.id for each in whole], "jobs that ended at once have an order too"


async def test_each_way_of_sifting(database: Database) -> None:
    boat = await project(database)
    await job(database, file_name="boat.gcode", project_id=boat, printer_name="mk4", material_type="PLA")
    await job(database, file_name="failed.gcode", status="failed", printer_name="mk4", material_type="PETG")
    await job(database, file_name="100%_Würfel.gcode", status="canceled", printer_name="ender")
    await job(database, NOON - timedelta(days=9), file_name="old.gcode")
    assert await names(database, HistoryFilter(project=boat)) == ["boat.gcode"]
    assert await names(database, HistoryFilter(project=uuid4())) == []
    assert await names(database, HistoryFilter(status="failed")) == ["failed.gcode"]
    assert set(await names(database, HistoryFilter(printer="mk4"))) == {"boat.gcode", "failed.gcode"}
    assert await names(database, HistoryFilter(material="PETG")) == ["failed.gcode"]
    assert await names(database, HistoryFilter(printer="mk4", status="completed")) == ["boat.gcode"]
    assert "old.gcode" not in await names(database, HistoryFilter(since=NOON))
    assert await names(database, HistoryFilter(until=NOON)) == ["old.gcode"]
    assert await names(database, HistoryFilter(since=NOON, until=NOON)) == []
    for text, found in (("BOA", "boat.gcode"), ("100%", "100%_Würfel.gcode"), ("%_W", "100%_Würfel.gcode")):
        assert await names(database, HistoryFilter(search=text)) == [found], text
    for nothing in ("_oat", "%", "!", "a'b", "\\", "{}"):
        expected = ["100%_Würfel.gcode"] if nothing == "%" else []
        assert await names(database, HistoryFilter(search=nothing)) == expected, nothing


async def test_only_what_the_caller_sees(database: Database) -> None:
    theirs = await project(database, owner="olga")
    shared = await project(database, owner="olga")
    await database.fetch(
        "INSERT INTO project_members (id, project_id, user_id, role) VALUES ({}, {}, 'otto', 'viewer')", uuid4(), shared
    )
    await job(database, file_name="mine.gcode", created_by="otto")
    await job(database, file_name="olgas.gcode", created_by="olga", project_id=theirs)
    await job(database, file_name="ours.gcode", created_by="olga", project_id=shared)
    await job(database, file_name="nobodys.gcode")
    history, projects, sight = JobHistory(database), ProjectRepository(database), Sight(me="otto", own_only=True)
    narrowed = await projects.narrowed(sight)
    for each in await history.page():
        in_sql = each.file_name in {"mine.gcode", "ours.gcode"}
        assert narrowed.has_job(each.created_by, each.project_id, each.printer_name) == in_sql
    assert narrowed.projects == {shared}
    for seen in (sight, narrowed):
        assert {each.file_name for each in await history.page(sight=seen)} == {"mine.gcode", "ours.gcode"}
        assert await history.count(sight=seen) == 2
        assert await history.page(HistoryFilter(project=theirs), sight=seen) == []
    stranger = await projects.narrowed(Sight(me="sam", own_only=True))
    assert (stranger.projects, await history.page(sight=stranger)) == (frozenset(), [])
    editor = await projects.narrowed(Sight(me="otto", own_only=True, editing=True))
    assert [each.file_name for each in await history.page(sight=editor)] == ["mine.gcode"]
    ruling = await projects.narrowed(Sight(me="sam", own_only=True, ruled=frozenset({"mk4"})))
    assert await history.page(sight=ruling) == []
    assert await ProjectStatistics(database).parts(theirs, sight) == []
    assert await ProjectStatistics(database).latest(theirs, sight) is None
    assert [part.jobs for part in await ProjectStatistics(database).parts(shared, sight)] == [1]


async def test_counting_has_an_end(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        await job(database)
    monkeypatch.setattr(history_module, "COUNTED", 3)
    assert await JobHistory(database).count() == 3


async def some_jobs(database: Database, boat: UUID) -> None:
    march, april = NOON, datetime(2026, 3, 31, 23, 30, tzinfo=UTC) + timedelta(hours=1)
    mk4 = {"project_id": boat, "printer_name": "mk4", "material_type": "PLA"}
    await job(database, march, **mk4, actual_time=3600, material_used=Decimal("10.5"))
    await job(database, april, **mk4, actual_time=1800, material_used=Decimal("5.25"))
    await job(database, april, **mk4, status="failed", actual_time=60, material_used=Decimal("0.1"))
    await job(database, april, project_id=boat, status="canceled")
    await job(database, None, project_id=boat, status="queued", created_at=NOON + timedelta(days=40))
    await job(database, None, project_id=boat, status="printing", printer_name="ender")


async def test_a_projects_numbers(database: Database) -> None:
    boat, other = await project(database), await project(database, "Other")
    await some_jobs(database, boat)
    await job(database, project_id=other, actual_time=5, material_used=Decimal(7))
    await job(database, actual_time=5, material_used=Decimal(7))  # the same file's name, and nobody's project
    statistics = ProjectStatistics(database)
    sums = figures(await statistics.parts(boat))
    assert (sums.total, sums.queued, sums.printing, sums.completed, sums.failed, sums.canceled) == (6, 1, 1, 2, 1, 1)
    assert (sums.success_rate, sums.seconds, sums.average_seconds, sums.grams) == (66.67, 5460, 2700.0, 15.85)
    assert await statistics.latest(boat) == NOON + timedelta(days=40)
    assert figures(await statistics.parts(await project(database))) == figures([])


async def test_the_numbers_are_the_views(database: Database) -> None:
    boat = await project(database)
    await some_jobs(database, boat)
    (view,) = await database.fetch("SELECT * FROM print_job_stats_by_project WHERE project_id = {}", boat)
    for monthly in (False, True):
        sums = figures(await ProjectStatistics(database).parts(boat, monthly=monthly))
        for status in ("total", "queued", "printing", "completed", "failed", "canceled"):
            assert getattr(sums, status) == view[f"{status}_jobs"], status
        assert sums.success_rate == pytest.approx(float(view["success_rate"]))
        assert sums.seconds == view["total_print_time"]
        assert sums.average_seconds == pytest.approx(float(view["average_print_time"]))
        assert sums.grams == pytest.approx(float(view["total_material_used"]))


async def test_by_month(database: Database) -> None:
    boat = await project(database)
    await some_jobs(database, boat)
    parts = await ProjectStatistics(database).parts(boat, monthly=True)

    def of(month: str | None) -> list[Part]:
        return [part for part in parts if part.month == month]

    assert {part.month for part in parts} == {None, "2026-03", "2026-04"}
    assert figures(of("2026-03")).total == 1
    assert figures(of("2026-04")).total == 3
    assert {part.status for part in of(None)} == {"queued", "printing"}


# -- links


async def test_a_job_is_linked_to_one_project(database: Database) -> None:
    jobs, files = JobRepository(database), FileRepository(database)
    boat, other = await project(database), await project(database)
    made, _ = await jobs.enqueue(NewJob(file_name="a.gcode"))
    file = await files.add("a.gcode", "1" * 64, 10)
    another = await files.add("b.gcode", "2" * 64, 10)
    linked = await jobs.link(made.id, boat, file.id)
    assert (linked.project_id, linked.file_id) == (boat, file.id)
    again = await jobs.link(made.id, boat)
    assert (again.project_id, again.file_id) == (boat, file.id)
    for arguments, error, code in (
        ((made.id, other), ConflictError, "JOB_LINKED_ELSEWHERE"),
        ((made.id, boat, another.id), ConflictError, "JOB_HAS_FILE"),
        ((uuid4(), boat), NotFoundError, "JOB_NOT_FOUND"),
    ):
        with pytest.raises(error) as caught:
            await jobs.link(*arguments)
        assert caught.value.problem_code == code
        assert str(boat) not in caught.value.message
    assert (await jobs.get(made.id)).project_id == boat


async def test_a_file_is_linked_to_one_project(database: Database) -> None:
    files = FileRepository(database)
    boat, other = await project(database), await project(database)
    await files.add("a.gcode", "1" * 64, 10)
    assert [await files.link("a.gcode", boat) for _ in range(2)] == [
        ((await files.get_by_name("a.gcode")), True),
        ((await files.get_by_name("a.gcode")), False),
    ]
    for change in (files.link, files.unlink):
        with pytest.raises(ConflictError) as caught:
            await change("a.gcode", other)
        assert caught.value.problem_code == "FILE_LINKED_ELSEWHERE"
        assert str(boat) not in caught.value.message
        with pytest.raises(NotFoundError):
            await change("b.gcode", boat)
    assert [file.name for file in await files.of_project(boat)] == ["a.gcode"]
    assert await files.of_project(boat, Sight(me="otto", own_only=True)) == []
    assert [(await files.unlink("a.gcode", boat))[1] for _ in range(2)] == [True, False]
    assert await files.of_project(boat) == []
    assert await files.get_by_name("a.gcode") is not None
