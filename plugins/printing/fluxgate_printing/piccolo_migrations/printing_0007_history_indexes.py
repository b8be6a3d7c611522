"""Lists and statistics of the jobs that ended stay fast with a million of them: an index for each way of sifting, in
the order of the list, and one that has all that a project's statistics need."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-24T13:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Indexes for history and statistics"

ENDED = "WHERE status IN ('completed', 'failed', 'canceled')"
# What else a list is sifted by stands behind its order, so that rows that don't fit aren't read to see that.
INDEXES = {
    "idx_print_jobs_history": f"ON print_jobs (completed_at DESC, id, printer_name, material_type) {ENDED}",
    "idx_print_jobs_history_project": (
        f"ON print_jobs (project_id, completed_at DESC, id, status, printer_name, material_type) {ENDED}"
    ),
    "idx_print_jobs_history_status": (
        f"ON print_jobs (status, completed_at DESC, id, printer_name, material_type) {ENDED}"
    ),
    "idx_print_jobs_history_printer": (
        f"ON print_jobs (printer_name, completed_at DESC, id, status, material_type) {ENDED}"
    ),
    "idx_print_jobs_history_material": (
        f"ON print_jobs (material_type, completed_at DESC, id, status, printer_name) {ENDED}"
    ),
    "idx_print_jobs_history_creator": (
        f"ON print_jobs (created_by, completed_at DESC, id, status, printer_name, material_type) {ENDED}"
    ),
    "idx_print_jobs_project_stats": (
        "ON print_jobs (project_id, status, material_type, printer_name, completed_at, actual_time, material_used)"
    ),
    "idx_print_jobs_project_created": "ON print_jobs (project_id, created_at DESC)",
}
TRIGRAMS = "idx_print_jobs_history_name"

OURS = "trigrams, for the history of print jobs"

# A part of a name is found by its trigrams where the server has them and lets us; else by looking at each name.
CREATE_TRIGRAMS = f"""
    DO $$
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm')
            AND EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm')
            AND has_database_privilege(current_database(), 'CREATE')
        THEN
            BEGIN
                CREATE EXTENSION pg_trgm;
                COMMENT ON EXTENSION pg_trgm IS '{OURS}';
            EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR unique_violation THEN
                NULL;
            END;
        END IF;
        IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm') THEN
            BEGIN
                EXECUTE 'CREATE INDEX {TRIGRAMS} ON print_jobs USING gin (lower(file_name) gin_trgm_ops)';
            EXCEPTION WHEN undefined_object THEN
                NULL;  -- it is in a schema that isn't searched
            END;
        END IF;
    END
    $$
"""

DROP_TRIGRAMS = f"""
    DO $$
    BEGIN
        DROP INDEX IF EXISTS {TRIGRAMS};
        IF EXISTS (
            SELECT 1 FROM pg_extension
            WHERE extname = 'pg_trgm' AND obj_description(oid, 'pg_extension') = '{OURS}'
        ) THEN
            BEGIN
                DROP EXTENSION pg_trgm;
            EXCEPTION WHEN dependent_objects_still_exist THEN
                NULL;  -- something else has come to use it
            END;
        END IF;
    END
    $$
"""


async def create() -> None:
    engine = engine_finder()
    for name, definition in INDEXES.items():
        await engine.run_ddl(f"CREATE INDEX {name} {definition}")
    if engine.engine_type == "postgres":
        await engine.run_ddl(CREATE_TRIGRAMS)


async def drop() -> None:
    engine = engine_finder()
    if engine.engine_type == "postgres":
        await engine.run_ddl(DROP_TRIGRAMS)
    for name in INDEXES:
        await engine.run_ddl(f"DROP INDEX {name}")


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="printing", description=DESCRIPTION)
    manager.add_raw(create)
    manager.add_raw_backwards(drop)
    return manager
