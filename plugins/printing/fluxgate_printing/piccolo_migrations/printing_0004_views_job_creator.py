"""The views say whose a job is, as the table does since 0003, and callers find their own jobs by an index."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-24T10:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Whose job it is, in the views"

INDEX = "idx_print_jobs_created_by"

BEFORE = """
    j.id, j.project_id, p.external_id AS project_external_id, p.title AS project_title, j.file_id, j.fluxprint_queue_id,
    j.file_name, j.status, j.state_detail, j.outcome_unknown, j.progress, j.position, j.priority, j.copies,
    j.queued_at, j.started_at, j.completed_at, j.canceled_at, j.estimated_time, j.actual_time,
    j.printer_name, j.printer_status, j.print_settings, j.material_type, j.material_color, j.material_used,
    j.error_message, j.error_timestamp, j.notes, j.metadata, j.created_at, j.updated_at
"""
AFTER = f"{BEFORE.rstrip()}, j.created_by"

VIEWS = {
    "active_print_jobs": "('queued', 'printing')",
    "print_job_history": "('completed', 'failed', 'canceled')",
}


async def recreate(columns: str) -> None:
    run = engine_finder().run_ddl
    for name, statuses in VIEWS.items():
        await run(f"DROP VIEW {name}")
        await run(
            f"CREATE VIEW {name} AS SELECT {columns} FROM print_jobs j LEFT JOIN projects p ON p.id = j.project_id"
            f" WHERE j.status IN {statuses}"
        )


async def create() -> None:
    await recreate(AFTER)
    await engine_finder().run_ddl(f"CREATE INDEX {INDEX} ON print_jobs (created_by)")


async def drop() -> None:
    await engine_finder().run_ddl(f"DROP INDEX {INDEX}")
    await recreate(BEFORE)


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="printing", description=DESCRIPTION)
    manager.add_raw(create)
    manager.add_raw_backwards(drop)
    return manager
