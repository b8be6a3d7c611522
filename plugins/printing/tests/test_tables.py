"""The schema itself, on SQLite and PostgreSQL: columns, keys, checks, indexes, views."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from fluxgate_printing.queue.records import NewJob
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.tables import TABLES, File, PrintJob, Project
from fluxgate_printing.views import VIEWS, ActivePrintJob, PrintJobHistory, PrintJobStatsByProject

from fluxgate.db import Database, UniqueViolationError
from fluxgate.migrations import drift, migrate
from tests.support.postgres import GATEWAY, PRINTING

pytestmark = pytest.mark.anyio

SPECIFIED = {
    "id", "project_id", "file_id", "fluxprint_queue_id", "file_name", "status", "progress", "queued_at", "started_at",
    "completed_at", "estimated_time", "actual_time", "printer_name", "print_settings", "material_type",
    "material_used", "error_message", "metadata",
    # FluxStudio's later schema
    "file_path", "canceled_at", "printer_status", "material_color", "error_timestamp", "notes", "created_at",
    "updated_at",
}  # fmt: skip
INDEXES = {
    "idx_print_jobs_project",
    "idx_print_jobs_file",
    "idx_print_jobs_status",
    "idx_print_jobs_fluxprint_queue",
    "idx_print_jobs_created",
    "idx_print_jobs_completed",
    "idx_print_jobs_created_by",
    "idx_print_jobs_history",
    "idx_print_jobs_history_project",
    "idx_print_jobs_history_status",
    "idx_print_jobs_history_printer",
    "idx_print_jobs_history_printer_material",
    "idx_print_jobs_history_material",
    "idx_print_jobs_history_creator",
    "idx_print_jobs_project_stats",
    "idx_print_jobs_project_created",
}


@pytest.fixture
def jobs(database: Database) -> JobRepository:
    database.bind((*TABLES, *VIEWS))
    return JobRepository(database)


async def add_project(external_id: str | None = None, title: str = "Boat") -> UUID:
    project = Project(external_id=external_id, title=title)
    await project.save()
    return UUID(str(project.id))


async def test_tables_and_migrations_agree() -> None:
    assert await drift(["fluxgate_printing.piccolo_app"]) == {}


def test_every_specified_column_is_there() -> None:
    assert {column._meta.name for column in PrintJob._meta.columns} >= SPECIFIED


async def test_the_indexes_are_there(database: Database) -> None:
    sql = (
        "SELECT name, sql AS definition FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        if database.dialect == "sqlite"
        else "SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE schemaname = 'public'"
    )
    found = {row["name"]: row["definition"] for row in await database.fetch(sql)}
    assert set(found) >= INDEXES
    assert "WHERE" in found["idx_print_jobs_status"]


async def test_postgres_has_the_functions(migrated_postgres_url: str) -> None:
    database = Database.from_url(migrated_postgres_url)
    rows = await database.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname NOT LIKE 'audit%'"
        " AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = pg_proc.oid AND d.deptype = 'e')"  # an extension's
    )
    assert {row["proname"] for row in rows} == {
        "update_print_job_status",
        "calculate_print_time",
        "cleanup_old_print_jobs",
        "note_print_job_ended",
    }


async def test_postgres_has_the_specified_types(migrated_postgres_url: str) -> None:
    rows = await Database.from_url(migrated_postgres_url).fetch(
        "SELECT column_name AS name, data_type || COALESCE('(' || character_maximum_length || ')', '')"
        " || CASE WHEN data_type = 'numeric' THEN '(' || numeric_precision || ',' || numeric_scale || ')' ELSE '' END"
        " AS type FROM information_schema.columns WHERE table_name = 'print_jobs'"
    )
    types = {row["name"]: row["type"] for row in rows}
    assert types["id"] == types["project_id"] == types["file_id"] == "uuid"
    assert types["file_name"] == "character varying(255)"
    assert types["status"] == types["material_type"] == "character varying(50)"
    assert types["printer_name"] == "character varying(100)"
    assert types["progress"] == "numeric(5,2)"
    assert types["material_used"] == "numeric(10,2)"
    assert types["print_settings"] == types["metadata"] == "jsonb"
    assert {types[name] for name in types if name.endswith(("_at", "_timestamp"))} == {"timestamp with time zone"}


async def test_a_part_of_a_name_has_an_index_where_there_are_trigrams(fresh_postgres_url: str) -> None:
    database = Database.from_url(fresh_postgres_url)
    found = "SELECT 1 AS one FROM pg_indexes WHERE indexname = 'idx_print_jobs_history_name'"
    await migrate(database, [GATEWAY, PRINTING])
    assert len(await database.fetch(found)) == 1
    await migrate(database, [GATEWAY, PRINTING], "backwards")
    assert await database.fetch("SELECT 1 AS one FROM pg_extension WHERE extname = 'pg_trgm'") == []
    await database.fetch("CREATE SCHEMA elsewhere")
    await database.fetch("CREATE EXTENSION pg_trgm SCHEMA elsewhere")
    await migrate(database, [GATEWAY, PRINTING])
    assert await database.fetch(found) == [], "it can't be used from there"
    await migrate(database, [GATEWAY, PRINTING], "backwards")
    left = await database.fetch("SELECT 1 AS one FROM pg_extension WHERE extname = 'pg_trgm'")
    assert len(left) == 1, "it was there before us"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE print_jobs SET status = 'bananas'",
        "UPDATE print_jobs SET progress = 100.01",
        "UPDATE print_jobs SET progress = -1",
        "UPDATE print_jobs SET copies = 0",
        "INSERT INTO print_jobs (id, file_name, status) VALUES ('00000000-0000-4000-8000-000000000001', 'x', 'lost')",
        "UPDATE print_jobs SET project_id = '00000000-0000-4000-8000-000000000001'",
        "UPDATE print_jobs SET file_id = '00000000-0000-4000-8000-000000000001'",
    ],
)
async def test_the_database_refuses_nonsense(database: Database, jobs: JobRepository, change: str) -> None:
    await jobs.enqueue(NewJob(file_name="a.gcode"))
    with pytest.raises((asyncpg.IntegrityConstraintViolationError, sqlite3.IntegrityError)):
        await database.fetch(change)


async def test_unknown_roles_are_refused(database: Database, jobs: JobRepository) -> None:
    project = await add_project()
    sql = "INSERT INTO project_members (id, project_id, user_id, role) VALUES ({}, {}, {}, {})"
    for role in ("owner", "manager", "editor", "viewer"):
        await database.fetch(sql, uuid4(), project, f"user-{role}", role)
    with pytest.raises((asyncpg.IntegrityConstraintViolationError, sqlite3.IntegrityError)):
        await database.fetch(sql, uuid4(), project, "x", "king")
    with pytest.raises(UniqueViolationError):
        await database.fetch(sql, uuid4(), project, "user-owner", "viewer")


async def test_a_printer_prints_one_job_and_a_name_is_one_file(database: Database, jobs: JobRepository) -> None:
    for status in ("queued", "queued"):
        await database.fetch(
            "INSERT INTO print_jobs (id, file_name, status, printer_name) VALUES ({}, 'x', {}, 'mk4')", uuid4(), status
        )
    with pytest.raises(UniqueViolationError):
        await database.fetch("UPDATE print_jobs SET status = 'printing'")
    sql = "INSERT INTO files (id, name, storage_key, sha256, size) VALUES ({}, 'x.gcode', 'k', 'h', 1)"
    await database.fetch(sql, uuid4())
    with pytest.raises(UniqueViolationError):
        await database.fetch(sql, uuid4())


async def test_defaults_make_a_row_of_a_bare_insert(database: Database, jobs: JobRepository) -> None:
    job_id = uuid4()
    await database.fetch("INSERT INTO print_jobs (id, file_name) VALUES ({}, 'x.gcode')", job_id)
    job = await jobs.get(job_id)
    assert (job.status, job.progress, job.copies, job.priority) == ("queued", 0.0, 1, 0)
    assert job.queued_at.tzinfo is not None
    assert abs(job.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert (job.print_settings, job.metadata) == ({}, {})


async def test_a_deleted_project_leaves_its_jobs(database: Database, jobs: JobRepository) -> None:
    project = await add_project()
    job, _ = await jobs.enqueue(NewJob(file_name="a.gcode", project_id=project))
    await Project.delete().where(Project.id == project)
    assert (await jobs.get(job.id)).project_id is None


async def test_the_views_follow_the_status(jobs: JobRepository) -> None:
    project = await add_project("clx1", "Boat")
    made = [
        (await jobs.enqueue(NewJob(file_name=f"{n}.gcode", project_id=project, created_by=f"user-{n}")))[0]
        for n in range(5)
    ]
    await jobs.claim(made[1].id, "a")
    for number, status in ((2, "completed"), (3, "failed")):
        await jobs.claim(made[number].id, f"p{number}")
        await jobs.finish(made[number].id, status, actual_time=100 * number, material_used=1.25)  # type: ignore[arg-type]
    await jobs.cancel(made[4].id)

    active = await ActivePrintJob.select(ActivePrintJob.file_name, ActivePrintJob.project_title).order_by(
        ActivePrintJob.file_name
    )
    assert active == [{"file_name": f"{n}.gcode", "project_title": "Boat"} for n in (0, 1)]
    ended = await PrintJobHistory.select(PrintJobHistory.file_name, PrintJobHistory.project_external_id).order_by(
        PrintJobHistory.file_name
    )
    assert ended == [{"file_name": f"{n}.gcode", "project_external_id": "clx1"} for n in (2, 3, 4)]

    for view in (ActivePrintJob, PrintJobHistory):
        for row in await view.select(view.file_name, view.created_by):
            assert row["created_by"] == f"user-{row['file_name'][0]}"

    empty = await add_project(title="Empty")
    stats = {UUID(str(row["project_id"])): row for row in await PrintJobStatsByProject.select()}
    assert set(stats) == {project, empty}
    row = stats[project]
    assert [row[f"{status}_jobs"] for status in ("total", "queued", "printing", "completed", "failed", "canceled")] == [
        5, 1, 1, 1, 1, 1,
    ]  # fmt: skip
    assert float(row["success_rate"]) == 50.0
    assert (row["total_print_time"], float(row["average_print_time"])) == (500, 200.0)
    assert float(row["total_material_used"]) == 2.5
    assert stats[empty]["total_jobs"] == 0
    assert stats[empty]["success_rate"] is None


async def test_views_cannot_be_written_to(jobs: JobRepository) -> None:
    with pytest.raises(TypeError, match="view"):
        await ActivePrintJob.insert(ActivePrintJob(file_name="x"))
    with pytest.raises(TypeError, match="view"):
        await PrintJobHistory.delete(force=True)
    with pytest.raises(TypeError, match="view"):
        await ActivePrintJob(file_name="x").save()


async def test_backwards_takes_everything_away(database: Database) -> None:
    await database.stop()
    await migrate(database, [GATEWAY, PRINTING], "backwards")
    sql = (
        "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
        if database.dialect == "sqlite"
        else "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    assert {row["name"] for row in await database.fetch(sql)} <= {"migration", "migration_id_seq", "migration_pkey"}
    await migrate(database, [PRINTING])
    assert await database.fetch("SELECT * FROM print_job_stats_by_project") == []


def test_a_file_says_which_columns_it_has() -> None:
    assert {column._meta.name for column in File._meta.columns} == {
        "id", "project_id", "name", "storage_key", "sha256", "size", "content_type", "analysis", "uploaded_by",
        "created_at", "deleted_at",
    }  # fmt: skip
