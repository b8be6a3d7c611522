"""The gateway's own tables (API keys, sessions, the audit trail) in the one database that plugins share.

It starts beside the plugins and is tried again until it is there: a database that is away takes out what needs it, with
503, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from functools import cached_property

from fluxgate.db import Database
from fluxgate.errors import FluxgateError, MigrationError, UnavailableError
from fluxgate.migrations import migrate, pending
from fluxgate.settings import Settings

__all__ = ["PICCOLO_APP", "Store"]

PICCOLO_APP = "fluxgate.piccolo_app"

logger = logging.getLogger("fluxgate.store")

PING_EVERY = 10.0
"""Seconds between two looks at a database that is there."""
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0


class Store:
    """The gateway's part of `database`, which it starts and stops. `failure`: why it can't be used at present, for
    operators; None while it can."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.database
        self._mode = settings.migration_mode
        self._lock: asyncio.Lock | None = None
        self._ready = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self.failure: str | None = None

    @cached_property
    def database(self) -> Database:
        """The database, whether it can be reached or not. SettingsError: its URL is wrong."""
        settings = self._settings
        return Database.from_url(settings.url, pool_size=settings.pool_size, connect_timeout=settings.connect_timeout)

    @property
    def is_ready(self) -> bool:
        """Whether the gateway's own tables are there to be used."""
        return self._ready.is_set()

    @property
    def is_answering(self) -> bool:
        """Whether they can be used: they are there, and the database answered when it was last asked."""
        return self._ready.is_set() and self.failure is None

    def require(self) -> Database:
        """The database; UnavailableError while it isn't there."""
        if not self._ready.is_set():
            message = "The gateway's database isn't available."
            raise UnavailableError(message, code="DATABASE_UNAVAILABLE", retry_after=2)
        return self.database

    async def start(self) -> None:
        """Open it and bring the gateway's own tables up to date; on failure go on trying in the background."""
        self._lock = asyncio.Lock()
        await self._try()
        self._watcher = asyncio.create_task(self._watch(), name="gateway's own tables")

    async def stop(self) -> None:
        """Close every connection."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait({self._watcher})
            self._watcher = None
        self._ready.clear()
        if "database" in self.__dict__:
            await self.database.stop()

    async def prepare(self, app: str) -> None:
        """Bring the tables of `app` (the import path of a Piccolo app) up to date as the settings say.

        Raises:
            UnavailableError: the database can't be reached. MigrationError: a migration failed, or is pending where
            migrating isn't this process's business.
        """
        if self._lock is None:
            raise MigrationError("the store isn't started")
        await self.database.start()
        if self._mode == "auto":
            async with self._lock:
                await migrate(self.database, [app])
        elif self._mode == "check" and (missing := await pending(self.database, [app])):
            names = ", ".join(str(one) for one in missing)
            raise MigrationError(f"migrations are pending: {names}; run `fluxgate migrate`")

    async def _try(self) -> bool:
        try:
            await self.prepare(PICCOLO_APP)
        except (FluxgateError, OSError) as error:
            if str(error) != self.failure:
                logger.error("the gateway's own tables can't be used: %s", error)
            self.failure = str(error)
            return False
        self.failure = None
        self._ready.set()
        return True

    async def _watch(self) -> None:
        """Try until it is there, then ask now and then whether it still is."""
        pause = _FIRST_PAUSE
        while not self._ready.is_set():
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            if await self._try():
                logger.info("the gateway's own tables can be used")
        while True:
            await asyncio.sleep(PING_EVERY)
            await self._ping()

    async def _ping(self) -> None:
        try:
            await self.database.ping()
        except (FluxgateError, OSError) as error:
            if self.failure is None:
                logger.error("the gateway's database doesn't answer: %s", error)
            self.failure = str(error)
        else:
            if self.failure is not None:
                logger.info("the gateway's database answers again")
            self.failure = None
