"""What one printer printed of one material is listed and counted from an index of its own: with the printer's alone,
four entries were read for each one that fits."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-24T18:45:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Index for history by printer and material"

NAME = "idx_print_jobs_history_printer_material"


async def create() -> None:
    await engine_finder().run_ddl(
        f"CREATE INDEX {NAME} ON print_jobs (printer_name, material_type, completed_at DESC, id, status)"
        " WHERE status IN ('completed', 'failed', 'canceled')"
    )


async def drop() -> None:
    await engine_finder().run_ddl(f"DROP INDEX {NAME}")


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="printing", description=DESCRIPTION)
    manager.add_raw(create)
    manager.add_raw_backwards(drop)
    return manager
