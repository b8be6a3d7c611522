"""All plugins' migrations: under one lock, in one transaction, all or nothing.

Piccolo runs each migration in a transaction of its own, so a failure leaves the ones before it; it takes no lock, so
two replicas that start together race; it imports migrations as top-level modules, so two apps' files of one name
collide; and it finds its engine and its apps by importing a `piccolo_conf`, which isn't there beside an installed
wheel. `migrate` mends the four.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sqlite3
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import asyncpg  # type: ignore[import-untyped]
import msgspec
from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.apps.migrations.tables import Migration
from piccolo.conf.apps import AppRegistry
from piccolo.conf.apps import MigrationModule as PiccoloMigration
from piccolo.engine.sqlite import SQLiteEngine

from fluxgate.db import Database, Engine
from fluxgate.engines import PooledSqliteEngine
from fluxgate.errors import MigrationError, UnavailableError
from fluxgate.piccolo_apps import MigrationStep, PiccoloApp, load_apps

__all__ = ["MigrationReport", "MigrationStep", "drift", "migrate", "pending"]

Direction = Literal["forwards", "backwards"]

LOCK_KEY = 0x666C7578  # "flux", as PostgreSQL's advisory lock wants a number
CONF_MODULE = "fluxgate_running_migrations"
_conf_lock = threading.Lock()


class MigrationReport(msgspec.Struct, frozen=True):
    """What was done, in order. `unknown`: migrations that the database has and the installed code hasn't (a newer
    release ran here)."""

    direction: Direction
    applied: tuple[MigrationStep, ...] = ()
    unknown: tuple[MigrationStep, ...] = ()


async def migrate(
    database: Database,
    apps: Sequence[str],
    direction: Direction = "forwards",
    *,
    target: str = "all",
    wait_timeout: float = 60.0,
) -> MigrationReport:
    """Run the migrations of `apps` (import paths of their `piccolo_app` modules), dependencies first, as one
    transaction.

    `target`: `all`; or one migration's id, up to and including which that app, and only it, is migrated. Another
    process that migrates is waited for, for `wait_timeout` seconds. The database needn't be started.

    Raises:
        MigrationError: an app, a migration or the wait failed; the database is as it was.
        UnavailableError: it can't be reached.
    """
    loaded = load_apps(apps)
    if target != "all" and not any(target in app.migrations for app in loaded):
        raise MigrationError(f"there is no migration {target}")
    deadline = time.monotonic() + wait_timeout
    engine = database.unpooled_engine(busy=min(5.0, wait_timeout))
    work = _forwards if direction == "forwards" else _backwards
    try:
        if isinstance(engine, PooledSqliteEngine):
            Path(engine.path).parent.mkdir(parents=True, exist_ok=True)
        async with _piccolo_conf(engine, loaded, deadline), _locked_transaction(engine, deadline):
            return await work(engine, loaded, target)
    except (OSError, asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise UnavailableError(
            f"the database {database.url_safe} can't be opened: {error}", code="DATABASE_UNAVAILABLE"
        ) from error
    except (asyncpg.PostgresError, sqlite3.Error) as error:
        raise MigrationError(f"the database is as it was: {type(error).__name__}: {error}") from error


async def pending(database: Database, apps: Sequence[str]) -> list[MigrationStep]:
    """The migrations of `apps` that haven't run, in the order in which they would. Changes nothing."""
    loaded = load_apps(apps)
    if isinstance(database.engine, PooledSqliteEngine) and not _exists(database.engine.path):
        ran: set[tuple[str, str]] = set()
    else:
        ran = await _ran(database)
    return [app.step(id_) for app in loaded for id_ in app.migrations if (app.name, id_) not in ran]


async def drift(apps: Sequence[str]) -> dict[str, list[str]]:
    """By app name, the statements by which its tables differ from its migrations; empty when they agree. Needs no
    database."""
    # It brings a formatter of code along, which is a sixth of a start.
    from fluxgate.migration_drift import alterations  # noqa: PLC0415

    differences: dict[str, list[str]] = {}
    engine = SQLiteEngine(path="unused.sqlite")
    loaded = load_apps(apps)
    async with _piccolo_conf(engine, loaded, time.monotonic() + 60):
        for app in loaded:
            if statements := await alterations(app):
                differences[app.name] = statements
    return differences


async def _forwards(engine: Engine, apps: Sequence[PiccoloApp], target: str) -> MigrationReport:
    await _run_query(engine, Migration.create_table(if_not_exists=True))
    ran = {
        (row["app_name"], row["name"])
        for row in await _run_query(engine, Migration.select(Migration.app_name, Migration.name))
    }
    known = {(app.name, id_) for app in apps for id_ in app.migrations}
    names = {app.name for app in apps}
    applied: list[MigrationStep] = []
    for app in apps:
        if target != "all" and target not in app.migrations:
            continue
        for id_ in app.migrations:
            step = app.step(id_)
            if (step.app, id_) not in ran:
                await _run(app.migrations[id_], step, backwards=False)
                await _run_query(engine, Migration.insert(Migration(name=id_, app_name=step.app)))
                applied.append(step)
            if id_ == target:
                break
    unknown = tuple(MigrationStep(app, id_) for app, id_ in sorted(ran - known) if app in names)
    return MigrationReport("forwards", tuple(applied), unknown)


async def _backwards(engine: Engine, apps: Sequence[PiccoloApp], target: str) -> MigrationReport:
    if not await _run_query(engine, Migration.table_exists()):
        return MigrationReport("backwards")
    ran = {
        (row["app_name"], row["name"])
        for row in await _run_query(engine, Migration.select(Migration.app_name, Migration.name))
    }
    applied: list[MigrationStep] = []
    for app in reversed(apps):
        name = app.name
        if target != "all" and target not in app.migrations:
            continue
        unknown = sorted(id_ for app_name, id_ in ran if app_name == name and id_ not in app.migrations)
        if unknown:
            raise MigrationError(
                f"{name}: {unknown[-1]} ran here, and the installed release doesn't know how to undo it"
            )
        for id_ in reversed(app.migrations):
            step = app.step(id_)
            if (name, id_) in ran:
                await _run(app.migrations[id_], step, backwards=True)
                await _run_query(
                    engine, Migration.delete().where((Migration.name == id_) & (Migration.app_name == name))
                )
                applied.append(step)
            if id_ == target:
                break
    return MigrationReport("backwards", tuple(applied))


async def _run(module: PiccoloMigration, step: MigrationStep, *, backwards: bool) -> None:
    try:
        # Piccolo prints its progress
        with contextlib.redirect_stdout(io.StringIO()):
            manager: object = await module.forwards()
            if isinstance(manager, MigrationManager) and not manager.fake:
                await manager.run(backwards=backwards)
    except Exception as error:
        way = "undone" if backwards else "run"
        raise MigrationError(
            f"{step.app}: {step.id} can't be {way}, the database is as it was: {type(error).__name__}: {error}"
        ) from error


async def _run_query(engine: Engine, query: Any) -> Any:
    Migration._meta.db = engine
    return await query.run()


def _exists(path: str) -> bool:
    return Path(path).exists()


async def _ran(database: Database) -> set[tuple[str, str]]:
    catalogue = (
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migration'"
        if database.dialect == "sqlite"
        else "SELECT 1 WHERE to_regclass('migration') IS NOT NULL"
    )
    if not await database.fetch(catalogue):
        return set()
    return {(row["app_name"], row["name"]) for row in await database.fetch("SELECT app_name, name FROM migration")}


@contextlib.asynccontextmanager
async def _locked_transaction(engine: Engine, deadline: float) -> AsyncIterator[None]:
    """One transaction, begun when no other process migrates.

    SQLite's own write lock is the lock. PostgreSQL's is an advisory lock held by the transaction itself: it can't be
    lost while the transaction lives or outlive it, and it holds through a connection pooler.
    """
    too_late = "another process has been migrating this database for too long"
    if isinstance(engine, PooledSqliteEngine):
        while True:
            try:
                transaction = engine.transaction()
                await transaction.__aenter__()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                    raise UnavailableError(f"SQLite: {error}", code="DATABASE_UNAVAILABLE") from error
                if time.monotonic() > deadline:
                    raise MigrationError(too_late) from error
                await asyncio.sleep(0.05)
            else:
                break
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_exit(transaction.__aexit__)
            yield
        return
    async with engine.transaction():
        remaining = max(1, int((deadline - time.monotonic()) * 1000))
        await engine.run_ddl(f"SET LOCAL lock_timeout = {remaining}")
        try:
            await engine.run_ddl(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
        except asyncpg.LockNotAvailableError as error:
            raise MigrationError(too_late) from error
        yield


@contextlib.asynccontextmanager
async def _piccolo_conf(engine: Any, apps: Sequence[PiccoloApp], deadline: float) -> AsyncIterator[None]:
    """Let whatever asks Piccolo for "the engine" get this one; one at a time in a process."""
    while not _conf_lock.acquire(blocking=False):
        if time.monotonic() > deadline:
            raise MigrationError("this process has been migrating another database for too long")
        await asyncio.sleep(0.02)
    module = ModuleType(CONF_MODULE)
    module.DB = engine  # type: ignore[attr-defined]
    registry = AppRegistry()
    registry.apps = [app.path for app in apps]
    registry.app_configs = {app.name: app.config for app in apps}
    module.APP_REGISTRY = registry  # type: ignore[attr-defined]
    variable, before = "PICCOLO_CONF", os.environ.get("PICCOLO_CONF")
    migration_engine = Migration._meta._db
    sys.modules[CONF_MODULE] = module
    os.environ[variable] = CONF_MODULE
    try:
        yield
    finally:
        Migration._meta._db = migration_engine
        sys.modules.pop(CONF_MODULE, None)
        if before is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = before
        _conf_lock.release()
