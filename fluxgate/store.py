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

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0


class Store:
    """The gateway's part of `database`, which it starts and stops. `failure`: why it isn't ready, for operators."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.database
        self._mode = settings.migration_mode
        self._lock: asyncio.Lock | None = None
        self._ready = asyncio.Event()
        self._retry: asyncio.Task[None] | None = None
        self.failure: str | None = None

    @cached_property
    def database(self) -> Database:
        """The database, whether it can be reached or not. SettingsError: its URL is wrong."""
        settings = self._settings
        return Database.from_url(settings.url, pool_size=settings.pool_size, connect_timeout=settings.connect_timeout)

    @property
    def is_ready(self) -> bool:
        """Whether the gateway's own tables can be used."""
        return self._ready.is_set()

    def require(self) -> Database:
        """The database; UnavailableError while it isn't there."""
        if not self._ready.is_set():
            message = "The gateway's database isn't available."
            raise UnavailableError(message, code="DATABASE_UNAVAILABLE", retry_after=2)
        return self.database

    async def start(self) -> None:
        """Open it and bring the gateway's own tables up to date; on failure go on trying in the background."""
        self._lock = asyncio.Lock()
        if not await self._try():
            self._retry = asyncio.create_task(self._go_on(), name="gateway's own tables")

    async def stop(self) -> None:
        """Close every connection."""
        if self._retry is not None:
            self._retry.cancel()
            await asyncio.wait({self._retry})
            self._retry = None
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

    async def _go_on(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            if await self._try():
                logger.info("the gateway's own tables can be used")
                return
