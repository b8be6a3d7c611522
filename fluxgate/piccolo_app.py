"""The gateway's own Piccolo app, named by its entry point in `fluxgate.piccolo_apps`."""

from __future__ import annotations

from pathlib import Path

from piccolo.conf.apps import AppConfig
from piccolo.table import Table

from fluxgate.auth.tables import TABLES as CREDENTIALS

TABLES: tuple[type[Table], ...] = (*CREDENTIALS,)

APP_CONFIG = AppConfig(
    app_name="fluxgate",
    migrations_folder_path=Path(__file__).parent / "piccolo_migrations",
    table_classes=list(TABLES),
)
