"""Piccolo's comparison of tables and migrations, on files loaded our way."""

from __future__ import annotations

from pathlib import Path

from piccolo.apps.migrations.commands.new import AutoMigrationManager
from piccolo.conf.apps import MigrationModule as PiccoloMigration

from fluxgate.piccolo_apps import PiccoloApp, migration_modules

__all__ = ["alterations"]


async def alterations(app: PiccoloApp) -> list[str]:
    """The statements by which an app's tables differ from its migrations; `_piccolo_conf` must be in force."""
    alters = await _Comparison(auto_input="n").get_alter_statements(app.config)
    return [statement for alter in alters for statement in alter.statements]


class _Comparison(AutoMigrationManager):
    def get_migration_modules(self, folder_path: str) -> dict[str, PiccoloMigration]:
        return migration_modules(Path(folder_path), "drift")
