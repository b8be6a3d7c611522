"""Runs the plugins: migrations, lifespans, clients, critical checks; quarantines what fails and tries it again.

Each plugin's lifespan lives in a task of its own, so that its cancel scopes, its failures and its clean-up touch no
other plugin.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any

import httpx

from fluxgate.db import Database
from fluxgate.errors import MigrationError, PluginError
from fluxgate.migrations import migrate, pending
from fluxgate.plugin import PluginContext
from fluxgate.plugins.record import PluginRecord
from fluxgate.proxy.pool import Pool
from fluxgate.proxy.transport import PooledTransport
from fluxgate.settings import Settings

logger = logging.getLogger("fluxgate.plugins")

START_TIMEOUT = 60.0
STOP_TIMEOUT = 15.0
RETRY_FIRST = 2.0
RETRY_MOST = 60.0


class PluginHost:
    """All enabled plugins, in start order, and the services they share."""

    def __init__(self, settings: Settings, records: Iterable[PluginRecord], pools: dict[str, dict[str, Pool]]) -> None:
        self.settings = settings
        self.records = list(records)
        self.by_name = {record.name: record for record in self.records}
        self.pools = pools
        self.database: Database | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping: asyncio.Event | None = None

    @property
    def needs_database(self) -> bool:
        """Whether a plugin that can be served has tables."""
        return any(record.spec is not None and record.spec.piccolo_app for record in self.records)

    async def start(self) -> None:
        """Start every plugin that loaded, in order. Returns when each is up, or in quarantine."""
        self._stopping = asyncio.Event()
        if self.needs_database:
            database = self.settings.database
            self.database = Database.from_url(
                database.url, pool_size=database.pool_size, connect_timeout=database.connect_timeout
            )
        for record in self.records:
            if record.spec is None or (record.quarantine is not None):
                continue
            first_try = asyncio.Event()
            self._tasks[record.name] = asyncio.create_task(
                self._run(record, first_try, self._stopping), name=f"plugin {record.name}"
            )
            await first_try.wait()

    async def stop(self) -> None:
        """Leave every lifespan, the last started first, then close pools and database."""
        if self._stopping is None:
            return
        self._stopping.set()
        for name, task in reversed(self._tasks.items()):
            _, late = await asyncio.wait({task}, timeout=STOP_TIMEOUT)
            if late:
                logger.error("plugin %s didn't stop in %s s and is cancelled", name, STOP_TIMEOUT)
                task.cancel()
                await asyncio.wait({task}, timeout=STOP_TIMEOUT)
        for pools in self.pools.values():
            for pool in pools.values():
                pool.close()
        if self.database is not None:
            await self.database.stop()

    async def _run(self, record: PluginRecord, first_try: asyncio.Event, stopping: asyncio.Event) -> None:
        """One plugin's life: start, serve, stop; after a failed start wait and try again."""
        pause = RETRY_FIRST
        while not stopping.is_set():
            try:
                async with AsyncExitStack() as stack:
                    async with asyncio.timeout(START_TIMEOUT):
                        await self._enter(record, stack)
                    record.recover()
                    record.started = True
                    first_try.set()
                    pause = RETRY_FIRST
                    await self._watch(record, stopping)
                    record.started = False
            except Exception as error:
                record.started = False
                if stopping.is_set():
                    logger.exception("plugin %s failed while stopping", record.name)
                    break
                record.fail("migrations" if isinstance(error, MigrationError) else "startup", error)
                first_try.set()
                logger.warning("plugin %s is tried again in %.0f s", record.name, pause)
                await _wait(stopping, pause)
                pause = min(pause * 2, RETRY_MOST)

    async def _enter(self, record: PluginRecord, stack: AsyncExitStack) -> None:
        spec = record.spec
        if spec is None:
            raise PluginError("the plugin has no declaration")
        for needed in spec.requires:
            if not self.by_name[needed].started:
                raise PluginError(f"requires plugin {needed!r}, which is not running")
        database = None
        if spec.piccolo_app is not None:
            database = await self._prepare_database(spec.piccolo_app)
        data_dir = self.settings.gateway.data_dir / record.name
        await asyncio.to_thread(data_dir.mkdir, parents=True, exist_ok=True)
        clients: dict[str, httpx.AsyncClient] = {}
        for name, pool in self.pools.get(record.name, {}).items():
            clients[name] = await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=PooledTransport(pool), base_url=pool.upstream.url, trust_env=False, follow_redirects=False
                )
            )
        if spec.lifespan is not None:
            context = PluginContext(
                name=record.name,
                data_dir=data_dir,
                log=logging.getLogger(f"fluxgate.plugin.{record.name}"),
                clients=clients,
                database=database,
            )
            await stack.enter_async_context(spec.lifespan(context))

    async def _prepare_database(self, app: str) -> Database:
        database = self.database
        if database is None:
            raise PluginError("there is no database")
        await database.start()
        mode = self.settings.migration_mode
        if mode == "auto":
            await migrate(database, [app])
        elif mode == "check" and (missing := await pending(database, [app])):
            names = ", ".join(str(one) for one in missing)
            raise MigrationError(f"migrations are pending: {names}; run `fluxgate migrate`")
        database.bind(_tables_of(app))
        return database

    async def _watch(self, record: PluginRecord, stopping: asyncio.Event) -> None:
        """Ask the critical checks until the end; while one is down the plugin is in quarantine."""
        critical = [check for check in (record.spec.health_checks if record.spec else ()) if check.critical]
        if not critical:
            await stopping.wait()
            return
        while not await _wait(stopping, min(check.interval for check in critical)):
            down = ""
            for check in critical:
                try:
                    async with asyncio.timeout(check.timeout):
                        result = await check.check()
                except TimeoutError:
                    down = f"check {check.name!r} gave no answer in {check.timeout} s"
                except Exception as error:  # noqa: BLE001 - the isolation boundary
                    down = f"check {check.name!r} failed: {type(error).__name__}"
                else:
                    down = f"check {check.name!r} is down: {result.detail}" if result.status == "down" else ""
                if down:
                    break
            if down and record.quarantine is None:
                record.fail("check", down)
            elif not down and record.quarantine is not None:
                record.recover()


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Whether `event` was set within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _tables_of(piccolo_app: str) -> list[Any]:
    config = import_module(piccolo_app).APP_CONFIG
    return list(config.table_classes)
