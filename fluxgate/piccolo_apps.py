"""Plugins' Piccolo apps and their migration files, found and imported without a `piccolo_conf` and without name
clashes."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import cast

import msgspec
from piccolo.conf.apps import AppConfig
from piccolo.conf.apps import MigrationModule as PiccoloMigration

from fluxgate.errors import MigrationError

__all__ = ["MigrationStep", "PiccoloApp", "load_apps", "migration_modules"]


class MigrationStep(msgspec.Struct, frozen=True):
    """One migration of one app."""

    app: str
    id: str
    description: str = ""


class PiccoloApp(msgspec.Struct, frozen=True):
    """An app, the import path it was named by, and its migrations by id, in order."""

    path: str
    config: AppConfig
    migrations: dict[str, PiccoloMigration]

    @property
    def name(self) -> str:
        """Piccolo's `app_name`."""
        return self.config.app_name

    def step(self, migration_id: str) -> MigrationStep:
        """One migration, described."""
        module = self.migrations.get(migration_id)
        return MigrationStep(self.name, migration_id, getattr(module, "DESCRIPTION", "") or "")


def load_apps(paths: Sequence[str]) -> list[PiccoloApp]:
    """The apps and those they depend on, dependencies first."""
    configs: dict[str, AppConfig] = {}
    needs: dict[str, list[str]] = {}
    paths_by_name: dict[str, str] = {}

    def visit(path: str) -> str:
        try:
            config = importlib.import_module(path).APP_CONFIG
        except Exception as error:
            raise MigrationError(f"{path}: {type(error).__name__}: {error}") from error
        name: str = config.app_name
        if name not in configs:
            configs[name] = config
            paths_by_name[name] = path
            needs[name] = [visit(dependency) for dependency in config.migration_dependencies]
        elif configs[name] is not config:
            raise MigrationError(f"two apps are named {name}")
        return name

    for path in paths:
        visit(path)
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise MigrationError(f"apps depend on each other in a circle: {' → '.join(error.args[1])}") from error

    apps: list[PiccoloApp] = []
    owners: dict[str, str] = {}
    for name in order:
        modules = migration_modules(Path(configs[name].resolved_migrations_folder_path), name)
        for id_ in modules:
            if id_ in owners:
                # Piccolo's own `backwards` deletes by id alone
                raise MigrationError(f"{owners[id_]} and {name} both have a migration {id_}")
            owners[id_] = name
        apps.append(PiccoloApp(paths_by_name[name], configs[name], modules))
    return apps


def migration_modules(folder: Path, app: str) -> dict[str, PiccoloMigration]:
    """By id, in order. Loaded afresh each time, because the tables inside remember the engine they first met."""
    modules: dict[str, PiccoloMigration] = {}
    for file in sorted(folder.glob("*.py")):
        if file.name == "__init__.py":
            continue
        spec = importlib.util.spec_from_file_location(f"fluxgate_migrations.{app}.{file.stem}", file)
        if spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise MigrationError(f"{app}: {file.name}: {type(error).__name__}: {error}") from error
        if getattr(module, "ID", None):
            modules[module.ID] = cast("PiccoloMigration", module)
    return dict(sorted(modules.items()))
