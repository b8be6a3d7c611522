"""Whoever ends a print, the bed of its printer isn't clear from that moment on: a trigger, so that no way of ending one
goes past it, and no crash comes between. It keeps what the printer has worn and used, too."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-24T12:31:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "What the end of a print does to its printer"

TRIGGER = "print_jobs_ended"
FUNCTION = "note_print_job_ended"

# The start command of one without a printer_status never left, so nothing lies on the bed.
ENDED = """
    OLD.status = 'printing' AND NEW.status IN ('completed', 'failed', 'canceled')
    AND NEW.printer_name IS NOT NULL AND NEW.printer_status IS NOT NULL
"""
NOTE = """
    INSERT INTO print_printers (name, bed, bed_job_id, bed_since, used_seconds, updated_at)
    VALUES (NEW.printer_name, NEW.status, NEW.id, NEW.completed_at, COALESCE(NEW.actual_time, 0), NEW.updated_at)
    ON CONFLICT (name) DO UPDATE SET
        bed = excluded.bed, bed_job_id = excluded.bed_job_id, bed_since = excluded.bed_since,
        used_seconds = print_printers.used_seconds + excluded.used_seconds,
        material_grams = CASE WHEN print_printers.material_grams > COALESCE(NEW.material_used, 0)
            THEN print_printers.material_grams - COALESCE(NEW.material_used, 0)
            WHEN print_printers.material_grams IS NOT NULL THEN 0 END,
        updated_at = excluded.updated_at;
"""
COUNTER = "queue_paused"
INDEXES = {
    "idx_print_jobs_batch": "ON print_jobs (batch_id) WHERE batch_id IS NOT NULL",
    "idx_print_jobs_updated": "ON print_jobs (updated_at)",
}


async def create() -> None:
    engine = engine_finder()
    run = engine.run_ddl
    if engine.engine_type == "sqlite":
        await run(f"CREATE TRIGGER {TRIGGER} AFTER UPDATE OF status ON print_jobs WHEN {ENDED} BEGIN {NOTE} END")
    else:
        await run(
            f"CREATE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {NOTE} RETURN NULL; END $$"
        )
        await run(
            f"CREATE TRIGGER {TRIGGER} AFTER UPDATE OF status ON print_jobs FOR EACH ROW WHEN ({ENDED})"
            f" EXECUTE FUNCTION {FUNCTION}()"
        )
    for name, definition in INDEXES.items():
        await run(f"CREATE INDEX {name} {definition}")
    await run(f"INSERT INTO print_job_counters (name, value) VALUES ('{COUNTER}', 0)")


async def drop() -> None:
    engine = engine_finder()
    run = engine.run_ddl
    await run(f"DELETE FROM print_job_counters WHERE name = '{COUNTER}'")
    for name in INDEXES:
        await run(f"DROP INDEX {name}")
    if engine.engine_type == "sqlite":
        await run(f"DROP TRIGGER {TRIGGER}")
    else:
        await run(f"DROP TRIGGER {TRIGGER} ON print_jobs")
        await run(f"DROP FUNCTION {FUNCTION}()")


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="printing", description=DESCRIPTION)
    manager.add_raw(create)
    manager.add_raw_backwards(drop)
    return manager
