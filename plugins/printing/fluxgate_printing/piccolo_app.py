"""The plugin's Piccolo app, named by its entry point in `fluxgate.piccolo_apps`."""

from __future__ import annotations

from pathlib import Path

from piccolo.conf.apps import AppConfig

from fluxgate_printing.tables import TABLES

APP_CONFIG = AppConfig(
    app_name="printing",
    migrations_folder_path=Path(__file__).parent / "piccolo_migrations",
    table_classes=list(TABLES),
)
