"""`/-/health/live`, `/-/health/ready` and `/-/health`: is the process alive, should it get traffic, and how is each
part of it.

Live says only that the event loop turns. Ready fails while starting, while stopping, and when no plugin can be
served; a plugin in quarantine is named there, and takes nothing but itself out of service.
"""

from __future__ import annotations

import asyncio
import time
from typing import Literal

import msgspec

from fluxgate import __version__
from fluxgate.auth import Access
from fluxgate.plugin import HealthCheck
from fluxgate.plugins.host import PluginHost
from fluxgate.plugins.record import PluginRecord
from fluxgate.store import Store

State = Literal["starting", "running", "stopping"]


class QuarantineView(msgspec.Struct, frozen=True):
    """Where a plugin failed and why."""

    stage: str
    reason: str


class CheckView(msgspec.Struct, frozen=True):
    """One check's last result; `age` in seconds."""

    status: str
    detail: str
    critical: bool
    age: float


class UpstreamView(msgspec.Struct, frozen=True):
    """One upstream: its connection pool, its circuit (`closed`, `open`, `half-open`), and whether its probe says that
    it is down."""

    in_use: int
    idle: int
    waiting: int
    max_connections: int
    circuit: str
    is_down: bool


class DatabaseView(msgspec.Struct, frozen=True):
    """The gateway's own tables. `detail`: why they can't be used."""

    status: Literal["up", "down"]
    detail: str


class PluginHealth(msgspec.Struct, frozen=True):
    """One plugin."""

    status: str
    version: str | None
    quarantine: QuarantineView | None
    checks: dict[str, CheckView]
    upstreams: dict[str, UpstreamView]


class ReadyView(msgspec.Struct, frozen=True):
    """`/-/health/ready`: `ok`, `degraded` (200: a plugin is in quarantine or starting) or `unavailable` (503)."""

    status: Literal["ok", "degraded", "unavailable"]
    state: State
    plugins: dict[str, str]
    quarantined: dict[str, QuarantineView]


class HealthView(msgspec.Struct, frozen=True):
    """`/-/health`; the same status as ready, with every part. `access`: `asked` who they are; `open` to this machine;
    `insecure`: open to everybody."""

    status: Literal["ok", "degraded", "unavailable"]
    state: State
    version: str
    uptime: float
    access: Access
    database: DatabaseView
    plugins: dict[str, PluginHealth]


class Health:
    """Answers for all three; `state` is set by the gateway."""

    def __init__(self, host: PluginHost, store: Store, access: Access) -> None:
        self._host = host
        self._store = store
        self._access = access
        self._begun = time.monotonic()
        self.state: State = "starting"

    def ready(self) -> ReadyView:
        """Whether to send traffic here; asks nothing."""
        records = self._host.records
        quarantined = {record.name: _quarantine(record) for record in records if record.quarantine is not None}
        serving = [record for record in records if record.status == "active"]
        status: Literal["ok", "degraded", "unavailable"]
        if self.state != "running" or (records and not serving):
            status = "unavailable"
        else:
            status = "ok" if len(serving) == len(records) else "degraded"
        return ReadyView(
            status,
            self.state,
            {record.name: record.status for record in records},
            {name: view for name, view in quarantined.items() if view is not None},
        )

    async def full(self) -> HealthView:
        """Every plugin's checks, asked now unless asked within their interval, all at once."""
        ready = self.ready()
        plugins = await asyncio.gather(*(self._plugin(record) for record in self._host.records))
        database = DatabaseView("up" if self._store.is_answering else "down", self._store.failure or "")
        checks = (check for plugin in plugins for check in plugin.checks.values())
        status = ready.status
        if status == "ok" and (database.status != "up" or any(check.status != "up" for check in checks)):
            status = "degraded"
        return HealthView(
            status,
            self.state,
            __version__,
            round(time.monotonic() - self._begun, 1),
            self._access,
            database,
            {record.name: plugin for record, plugin in zip(self._host.records, plugins, strict=True)},
        )

    async def _plugin(self, record: PluginRecord) -> PluginHealth:
        checks = record.spec.health_checks if record.spec is not None and record.started else ()
        views = await asyncio.gather(*(self._check(record.name, check) for check in checks))
        upstreams = {
            name: UpstreamView(
                pool.in_use,
                pool.idle,
                pool.waiting,
                pool.upstream.max_connections,
                pool.breaker.state,
                pool.is_down,
            )
            for name, pool in self._host.pools.get(record.name, {}).items()
        }
        return PluginHealth(
            record.status,
            record.version,
            _quarantine(record),
            {check.name: view for check, view in zip(checks, views, strict=True)},
            upstreams,
        )

    async def _check(self, plugin: str, check: HealthCheck) -> CheckView:
        asked = await self._host.checks.ask(plugin, check)
        result = asked.result
        return CheckView(result.status, result.detail, check.critical, round(time.monotonic() - asked.at, 3))


def _quarantine(record: PluginRecord) -> QuarantineView | None:
    quarantine = record.quarantine
    return None if quarantine is None else QuarantineView(quarantine.stage, quarantine.reason)
