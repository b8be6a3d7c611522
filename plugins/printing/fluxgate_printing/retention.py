"""Jobs that ended long ago are deleted, once a day."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fluxgate.db import Database
from fluxgate_printing.queue.repository import JobRepository

__all__ = ["Retention"]

log = logging.getLogger(__name__)

FIRST_AFTER = 300.0
EVERY = 86_400.0
_LOCK = 0x666C7578_72657461
"""Of PostgreSQL's advisory locks; whichever replica has it deletes."""


class Retention:
    """`days`: how long jobs are kept; 0: for ever. The first time `first_after` seconds after the start, so that a
    gateway that is restarted again and again doesn't begin with it each time."""

    def __init__(
        self,
        database: Database,
        jobs: JobRepository,
        days: int,
        *,
        first_after: float = FIRST_AFTER,
        every: float = EVERY,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._days = days
        self._first_after = first_after
        self._every = every

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Delete now and then, until the end of the block."""
        if not self._days:
            yield
            return
        task = asyncio.create_task(self._again_and_again(), name="retention of print jobs")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def run(self) -> int | None:
        """Delete what is old enough; how many jobs. None: another replica is at it."""
        async with self._database.transaction():
            if self._database.dialect == "postgres":
                rows = await self._database.fetch("SELECT pg_try_advisory_xact_lock({}) AS mine", _LOCK)
                if not rows[0]["mine"]:
                    return None
            return await self._jobs.cleanup(self._days)

    async def _again_and_again(self) -> None:
        await asyncio.sleep(self._first_after * random.uniform(1.0, 1.5))  # noqa: S311 - jitter
        while True:
            try:
                gone = await self.run()
            except Exception:  # tried again tomorrow; nothing depends on it
                log.exception("deleting the jobs that ended more than %d days ago failed", self._days)
            else:
                if gone is None:
                    log.info("another replica deletes the old jobs")
                else:
                    log.info("%d job(s) that ended more than %d days ago were deleted", gone, self._days)
            await asyncio.sleep(self._every)
