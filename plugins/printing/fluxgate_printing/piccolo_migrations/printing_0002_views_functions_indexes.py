"""What Piccolo's columns can't say: partial indexes, checks, views, functions. Frozen: change them in a later migration."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-23T23:50:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Views, functions, indexes, checks"

INDEXES = {
    "idx_print_jobs_project": "ON print_jobs (project_id)",
    "idx_print_jobs_file": "ON print_jobs (file_id)",
    "idx_print_jobs_status": "ON print_jobs (status) WHERE status IN ('queued', 'printing')",
    "idx_print_jobs_queue": "ON print_jobs (position) WHERE status = 'queued'",
    "idx_print_jobs_fluxprint_queue": "ON print_jobs (fluxprint_queue_id)",
    "idx_print_jobs_created": "ON print_jobs (created_at)",
    "idx_print_jobs_completed": "ON print_jobs (completed_at)",
    "idx_files_sha256": "ON files (sha256)",
}
UNIQUE_INDEXES = {
    # a printer prints one job
    "idx_print_jobs_printing_printer": "ON print_jobs (printer_name) WHERE status = 'printing'",
    # a name is one file
    "idx_files_name": "ON files (name) WHERE deleted_at IS NULL",
    "idx_project_members_project_user": "ON project_members (project_id, user_id)",
}

CHECKS = (
    (
        "print_jobs",
        "print_jobs_status_check",
        "{row}status IN ('queued', 'printing', 'completed', 'failed', 'canceled')",
    ),
    ("print_jobs", "print_jobs_progress_check", "{row}progress BETWEEN 0 AND 100"),
    ("print_jobs", "print_jobs_copies_check", "{row}copies >= 1"),
    ("project_members", "project_members_role_check", "{row}role IN ('owner', 'manager', 'editor', 'viewer')"),
)

JOB_COLUMNS = """
    j.id, j.project_id, p.external_id AS project_external_id, p.title AS project_title, j.file_id, j.fluxprint_queue_id,
    j.file_name, j.status, j.state_detail, j.outcome_unknown, j.progress, j.position, j.priority, j.copies,
    j.queued_at, j.started_at, j.completed_at, j.canceled_at, j.estimated_time, j.actual_time,
    j.printer_name, j.printer_status, j.print_settings, j.material_type, j.material_color, j.material_used,
    j.error_message, j.error_timestamp, j.notes, j.metadata, j.created_at, j.updated_at
"""

VIEWS = {
    "active_print_jobs": f"""
        SELECT {JOB_COLUMNS} FROM print_jobs j LEFT JOIN projects p ON p.id = j.project_id
        WHERE j.status IN ('queued', 'printing')
    """,
    "print_job_history": f"""
        SELECT {JOB_COLUMNS} FROM print_jobs j LEFT JOIN projects p ON p.id = j.project_id
        WHERE j.status IN ('completed', 'failed', 'canceled')
    """,
    # success_rate: percent of the prints that ended by themselves; null while there is none
    "print_job_stats_by_project": """
        SELECT
            p.id AS project_id,
            p.external_id AS project_external_id,
            p.title AS project_title,
            count(j.id) AS total_jobs,
            count(j.id) FILTER (WHERE j.status = 'queued') AS queued_jobs,
            count(j.id) FILTER (WHERE j.status = 'printing') AS printing_jobs,
            count(j.id) FILTER (WHERE j.status = 'completed') AS completed_jobs,
            count(j.id) FILTER (WHERE j.status = 'failed') AS failed_jobs,
            count(j.id) FILTER (WHERE j.status = 'canceled') AS canceled_jobs,
            round(
                100.0 * count(j.id) FILTER (WHERE j.status = 'completed')
                / NULLIF(count(j.id) FILTER (WHERE j.status IN ('completed', 'failed')), 0), 2
            ) AS success_rate,
            COALESCE(sum(j.actual_time), 0) AS total_print_time,
            round(avg(j.actual_time) FILTER (WHERE j.status = 'completed'), 2) AS average_print_time,
            COALESCE(sum(j.material_used), 0) AS total_material_used,
            max(j.created_at) AS last_job_at
        FROM projects p LEFT JOIN print_jobs j ON j.project_id = p.id
        GROUP BY p.id, p.external_id, p.title
    """,
}

# JobRepository.update_status, calculate_print_time and cleanup do the same in Python; a test holds them to it.
# SQLSTATE PJ404: no such job; PJ409: the status may not change so; PJ422: a value out of range.
FUNCTIONS = {
    "update_print_job_status(UUID, TEXT, NUMERIC, TEXT)": """
        CREATE FUNCTION update_print_job_status(
            p_job_id UUID, p_status TEXT, p_progress NUMERIC DEFAULT NULL, p_error_message TEXT DEFAULT NULL
        ) RETURNS VOID LANGUAGE plpgsql AS $$
        DECLARE
            old_status TEXT;
            ends BOOLEAN := p_status IN ('completed', 'failed', 'canceled');
        BEGIN
            IF p_progress NOT BETWEEN 0 AND 100 OR p_progress = 'NaN' THEN
                RAISE EXCEPTION 'progress % is not between 0 and 100', p_progress USING ERRCODE = 'PJ422';
            END IF;
            SELECT status INTO old_status FROM print_jobs WHERE id = p_job_id FOR UPDATE;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'no print job %', p_job_id USING ERRCODE = 'PJ404';
            END IF;
            IF p_status IS NULL OR NOT (CASE old_status
                WHEN 'queued' THEN p_status IN ('printing', 'failed', 'canceled')
                WHEN 'printing' THEN p_status IN ('printing', 'completed', 'failed', 'canceled')
                ELSE FALSE
            END) THEN
                RAISE EXCEPTION 'a % job can''t become %', old_status, p_status USING ERRCODE = 'PJ409';
            END IF;
            UPDATE print_jobs SET
                status = p_status,
                progress = CASE WHEN p_status = 'completed' THEN 100 ELSE COALESCE(p_progress, progress) END,
                started_at = CASE WHEN p_status = 'printing' THEN COALESCE(started_at, now()) ELSE started_at END,
                completed_at = CASE WHEN ends THEN now() ELSE completed_at END,
                canceled_at = CASE WHEN p_status = 'canceled' THEN now() ELSE canceled_at END,
                error_timestamp = CASE WHEN p_status = 'failed' THEN now() ELSE error_timestamp END,
                error_message = COALESCE(p_error_message, error_message),
                actual_time = CASE WHEN ends
                    THEN COALESCE(actual_time, CASE WHEN started_at IS NOT NULL
                        THEN GREATEST(0, floor(EXTRACT(EPOCH FROM now() - started_at)))::INTEGER END)
                    ELSE actual_time END,
                outcome_unknown = CASE WHEN p_status = old_status THEN outcome_unknown ELSE FALSE END,
                state_detail = CASE WHEN p_status = old_status THEN state_detail ELSE NULL END,
                updated_at = now()
            WHERE id = p_job_id;
        END
        $$
    """,
    "calculate_print_time(UUID)": """
        CREATE FUNCTION calculate_print_time(p_job_id UUID) RETURNS INTEGER LANGUAGE plpgsql STABLE AS $$
        DECLARE
            job print_jobs%ROWTYPE;
        BEGIN
            SELECT * INTO job FROM print_jobs WHERE id = p_job_id;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'no print job %', p_job_id USING ERRCODE = 'PJ404';
            END IF;
            IF job.completed_at IS NULL AND job.status = 'printing' THEN
                job.completed_at := now();
            END IF;
            IF job.started_at IS NULL OR job.completed_at IS NULL THEN
                RETURN NULL;  -- GREATEST would make it 0
            END IF;
            RETURN GREATEST(0, floor(EXTRACT(EPOCH FROM job.completed_at - job.started_at)))::INTEGER;
        END
        $$
    """,
    "cleanup_old_print_jobs(INTEGER)": """
        CREATE FUNCTION cleanup_old_print_jobs(p_days INTEGER DEFAULT 90) RETURNS INTEGER LANGUAGE plpgsql AS $$
        DECLARE
            deleted INTEGER;
        BEGIN
            IF p_days IS NULL OR p_days < 0 THEN
                RAISE EXCEPTION 'days % is negative', p_days USING ERRCODE = 'PJ422';
            END IF;
            DELETE FROM print_jobs
            WHERE status IN ('completed', 'failed', 'canceled')
                AND COALESCE(completed_at, updated_at) < now() - make_interval(days => p_days);
            GET DIAGNOSTICS deleted = ROW_COUNT;
            RETURN deleted;
        END
        $$
    """,
}


async def create() -> None:
    engine = engine_finder()
    run = engine.run_ddl
    for name, definition in INDEXES.items():
        await run(f"CREATE INDEX {name} {definition}")
    for name, definition in UNIQUE_INDEXES.items():
        await run(f"CREATE UNIQUE INDEX {name} {definition}")
    for table, name, condition in CHECKS:
        if engine.engine_type == "sqlite":
            # SQLite can't add a constraint to a table, and a trigger does the same
            for event in ("INSERT", "UPDATE"):
                await run(
                    f"CREATE TRIGGER {name}_{event.lower()} BEFORE {event} ON {table} "
                    f"WHEN NOT ({condition.format(row='NEW.')}) "
                    f"BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: {name}'); END"
                )
        else:
            await run(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition.format(row='')})")
    for name, query in VIEWS.items():
        await run(f"CREATE VIEW {name} AS {query}")
    if engine.engine_type == "postgres":
        for definition in FUNCTIONS.values():
            await run(definition)
    await run("INSERT INTO print_job_counters (name, value) VALUES ('queue_id', 0)")


async def drop() -> None:
    engine = engine_finder()
    run = engine.run_ddl
    await run("DELETE FROM print_job_counters WHERE name = 'queue_id'")
    if engine.engine_type == "postgres":
        for signature in FUNCTIONS:
            await run(f"DROP FUNCTION {signature}")
    for name in VIEWS:
        await run(f"DROP VIEW {name}")
    for table, name, _ in CHECKS:
        if engine.engine_type == "sqlite":
            for event in ("insert", "update"):
                await run(f"DROP TRIGGER {name}_{event}")
        else:
            await run(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for name in (*INDEXES, *UNIQUE_INDEXES):
        await run(f"DROP INDEX {name}")


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="printing", description=DESCRIPTION)
    manager.add_raw(create)
    manager.add_raw_backwards(drop)
    return manager
