"""One plugin's life: start, serve, stop; after a failure quarantine, a pause, and another try.

It is a task of its own, so that the plugin's cancel scopes, its failures and its clean-up touch no other plugin.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import msgspec

from fluxgate.errors import MigrationError, PluginError
from fluxgate.plugin import HealthCheck
from fluxgate.plugins.checks import HealthChecks
from fluxgate.plugins.record import PluginRecord, Stage

logger = logging.getLogger("fluxgate.plugins")

_GIVE_UP_AFTER = 1.0


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. `start`: until a plugin that doesn't start is quarantined; `grace`: until the gateway serves without
    those that are still starting; `stop`: until a plugin that doesn't stop is cancelled; `retry_first`, doubled up to
    `retry_most`: the pause before a failed plugin is tried again."""

    start: float = 60.0
    grace: float = 10.0
    stop: float = 10.0
    retry_first: float = 2.0
    retry_most: float = 60.0


class PluginRunner:
    """Runs the plugin of `record`. `prepare` has all the time it needs (migrations); `provide` enters the lifespan."""

    def __init__(
        self,
        record: PluginRecord,
        *,
        prepare: Callable[[], Awaitable[None]],
        provide: Callable[[AsyncExitStack], Awaitable[None]],
        checks: HealthChecks,
        timing: Timing,
    ) -> None:
        self.record = record
        self.tried = asyncio.Event()
        """Set once the plugin is up, or in quarantine."""
        self._prepare = prepare
        self._provide = provide
        self._checks = checks
        self._timing = timing
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, after: list[PluginRunner]) -> None:
        """Begin, once each of `after` has been tried."""
        self._task = asyncio.create_task(self._run(after), name=f"plugin {self.record.name}")

    async def stop(self) -> bool:
        """Leave the lifespan; False if the plugin wouldn't, even cancelled."""
        self._stopping.set()
        task = self._task
        if task is None:
            return True
        if not self.record.started:
            task.cancel()
        _, late = await asyncio.wait({task}, timeout=self._timing.stop)
        if late:
            logger.error("plugin %s didn't stop in %g s and is cancelled", self.record.name, self._timing.stop)
            task.cancel()
            _, late = await asyncio.wait({task}, timeout=_GIVE_UP_AFTER)
        if late:
            logger.error("plugin %s ignores its cancellation and is abandoned", self.record.name)
        return not late

    async def _run(self, after: list[PluginRunner]) -> None:
        for other in after:
            await other.tried.wait()
        pause = self._timing.retry_first
        while not self._stopping.is_set():
            served = await self._try()
            self.record.started = False
            self.tried.set()
            if served:
                pause = self._timing.retry_first
            if self._stopping.is_set():
                return
            logger.warning("plugin %s is tried again in %g s", self.record.name, pause)
            await _wait(self._stopping, pause)
            pause = min(pause * 2, self._timing.retry_most)

    async def _try(self) -> bool:
        """Serve until told to stop, or until it fails; whether it was up at all."""
        stage: Stage = "startup"
        try:
            async with AsyncExitStack() as stack:
                await self._prepare()
                await self._enter(stack)
                stage = "running"
                self._checks.forget(self.record.name)
                self.record.recover()
                self.record.started = True
                self.tried.set()
                await self._watch()
                self.record.started = False
        except (Exception, SystemExit) as error:
            self.record.started = False
            if self._stopping.is_set():
                logger.exception("plugin %s failed while stopping", self.record.name)
            else:
                self.record.fail("migrations" if isinstance(error, MigrationError) else stage, error)
        return stage == "running"

    async def _enter(self, stack: AsyncExitStack) -> None:
        limit = self._timing.start
        # For a plugin that catches its cancellation and goes on.
        overdue = asyncio.get_running_loop().call_later(limit + _GIVE_UP_AFTER, self._overdue)
        try:
            async with asyncio.timeout(limit) as timeout:
                await self._provide(stack)
        except TimeoutError as error:
            if timeout.expired():
                raise PluginError(f"it didn't start within {limit:g} s") from error
            raise
        finally:
            overdue.cancel()

    def _overdue(self) -> None:
        self.record.fail("startup", f"it didn't start within {self._timing.start:g} s, and ignores its cancellation")
        self.tried.set()

    async def _watch(self) -> None:
        """Ask the critical checks until the end; while one is down the plugin is in quarantine."""
        critical = [check for check in (self.record.spec.health_checks if self.record.spec else ()) if check.critical]
        if not critical:
            await self._stopping.wait()
            return
        pause = min(check.interval for check in critical)
        while True:
            down = await self._first_down(critical)
            if self._stopping.is_set():
                return
            if down and self.record.quarantine is None:
                self.record.fail("check", down)
            elif not down:
                self.record.recover()
            if await _wait(self._stopping, pause):
                return

    async def _first_down(self, checks: list[HealthCheck]) -> str:
        for check in checks:
            result = (await self._checks.ask(self.record.name, check)).result
            if result.status == "down":
                return f"check {check.name!r} is down: {result.detail}".removesuffix(": ")
        return ""


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Whether `event` was set within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
