"""Runs the plugins, each started after those it is ordered after and stopped before them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import AsyncExitStack
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib import import_module
from typing import Any

import httpx

from fluxgate.errors import PluginError
from fluxgate.plugin import PluginContext, PluginSpec
from fluxgate.plugins.checks import HealthChecks
from fluxgate.plugins.ordering import predecessors
from fluxgate.plugins.record import PluginRecord
from fluxgate.plugins.runner import PluginRunner, Timing
from fluxgate.proxy.pool import Pool
from fluxgate.proxy.probe import probing
from fluxgate.proxy.transport import PooledTransport
from fluxgate.settings import Settings
from fluxgate.store import Store
from fluxgate.vault import Vault

logger = logging.getLogger("fluxgate.plugins")


class PluginHost:
    """All enabled plugins, in start order, and the services they share."""

    def __init__(
        self,
        settings: Settings,
        records: Iterable[PluginRecord],
        pools: dict[str, dict[str, Pool]],
        store: Store,
        timing: Timing | None = None,
    ) -> None:
        self.settings = settings
        self.records = list(records)
        self.by_name = {record.name: record for record in self.records}
        self.pools = pools
        self.checks = HealthChecks()
        self.timing = timing or Timing(
            start=settings.gateway.start_timeout, stop=min(Timing().stop, settings.gateway.shutdown_timeout)
        )
        self.abandoned = False
        """Whether a plugin didn't stop, even cancelled: its task is still there."""
        self._store = store
        self._runners: dict[str, PluginRunner] = {}
        self._after: dict[str, set[str]] = {}

    async def start(self) -> None:
        """Start every plugin that loaded. Returns when each is up or in quarantine; without `strict`, also when some
        take longer than `timing.grace`."""
        self._after = predecessors(self.records)
        for record in self.records:
            if record.spec is not None and record.quarantine is None:
                self._runners[record.name] = PluginRunner(
                    record,
                    prepare=partial(self._prepare, record.spec),
                    provide=partial(self._provide, record, record.spec),
                    checks=self.checks,
                    timing=self.timing,
                )
        for name, runner in self._runners.items():
            runner.start([self._runners[other] for other in sorted(self._after[name])])
        tried = [asyncio.create_task(runner.tried.wait()) for runner in self._runners.values()]
        if tried:
            _, late = await asyncio.wait(tried, timeout=None if self.settings.gateway.strict else self.timing.grace)
            for task in late:
                task.cancel()
        for record in self.records:
            if record.status == "starting":
                logger.warning("plugin %s is still starting; the others are served without it", record.name)

    async def stop(self) -> None:
        """Leave every lifespan, each before those it was started after; then close the pools."""
        stopping: dict[str, asyncio.Task[None]] = {}

        async def stop(name: str) -> None:
            followers = {stopping[other] for other, after in self._after.items() if name in after and other in stopping}
            if followers:
                await asyncio.wait(followers)
            if not await self._runners[name].stop():
                self.abandoned = True

        for name in reversed(self._runners):
            stopping[name] = asyncio.create_task(stop(name))
        if stopping:
            await asyncio.wait(stopping.values())
        self._runners.clear()
        for pools in self.pools.values():
            for pool in pools.values():
                pool.close()

    async def _prepare(self, spec: PluginSpec) -> None:
        """Check what the plugin requires, and bring its tables up to date."""
        for needed in sorted(spec.requires):
            if not self.by_name[needed].started:
                raise PluginError(f"requires plugin {needed!r}, which is not running")
        if spec.piccolo_app is None:
            return
        await self._store.prepare(spec.piccolo_app)
        self._store.database.bind(_tables_of(spec.piccolo_app))

    async def _provide(self, record: PluginRecord, spec: PluginSpec, stack: AsyncExitStack) -> None:
        """Enter the plugin's lifespan with the services that it declared."""
        data_dir = self.settings.gateway.data_dir / record.name
        await asyncio.to_thread(data_dir.mkdir, parents=True, exist_ok=True)
        clients: dict[str, httpx.AsyncClient] = {}
        for name, pool in self.pools.get(record.name, {}).items():
            await stack.enter_async_context(probing(pool))
            clients[name] = await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=PooledTransport(pool),
                    base_url=pool.upstream.url,
                    cookies=_no_cookies(),
                    trust_env=False,
                    follow_redirects=False,
                )
            )
        if spec.lifespan is not None:
            context = PluginContext(
                name=record.name,
                data_dir=data_dir,
                log=logging.getLogger(f"fluxgate.plugin.{record.name}"),
                clients=clients,
                database=self._store.database if spec.piccolo_app is not None else None,
                vault=Vault(self.settings.vault, self.settings.gateway.data_dir, record.name),
            )
            await stack.enter_async_context(spec.lifespan(context))


def _tables_of(piccolo_app: str) -> list[Any]:
    config = import_module(piccolo_app).APP_CONFIG
    return list(config.table_classes)


def _no_cookies() -> CookieJar:
    """A jar that keeps nothing: a cookie that one caller's request brought must not go out with the next one's."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
