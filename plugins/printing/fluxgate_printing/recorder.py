"""Accepted jobs into `print_jobs`, in one place, so that none is lost: journal first, then the database, then again
until it took it.

FluxPrint has the job by the time we hear of it, so whatever goes wrong here, the client keeps its success and the job
its record.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar
from uuid import UUID

from fluxgate.plugin import CheckResult
from fluxgate_printing.journal import AcceptedJob, Journal

__all__ = ["AcceptedJob", "AcceptedJobs"]

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class AcceptedJobs:
    """Records accepted jobs. An async context manager, or `start` and `aclose`.

    `write` puts one job into the database and is idempotent on its `entry_id`. `write_timeout`: how long a client waits
    for it, in seconds; after that, as after any failure, the job is written in the background, with pauses from
    `first_pause` to `longest_pause` seconds.
    """

    def __init__(
        self,
        journal_dir: Path,
        write: Callable[[AcceptedJob], Awaitable[None]],
        *,
        write_timeout: float = 5.0,
        first_pause: float = 0.5,
        longest_pause: float = 60.0,
    ) -> None:
        self._journal = Journal(journal_dir)
        self._write = write
        self._write_timeout = write_timeout
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._disk = asyncio.Lock()
        self._pending: dict[UUID, AcceptedJob] = {}
        self._retries: dict[UUID, _Retry] = {}
        self._unjournaled: set[UUID] = set()
        self._recording: set[asyncio.Task[None]] = set()
        self._more = asyncio.Event()
        self._retrying: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def pending(self) -> int:
        """Accepted jobs that aren't in the database yet."""
        return len(self._pending)

    async def start(self) -> None:
        """Take over what an earlier process left pending, and begin to write it in the background. `OSError` if that
        can't be read.
        """
        left = await self._on_disk(self._journal.open)
        for job in left:
            self._pending[job.entry_id] = job
            self._retry_later(job, first=True)
        if left:
            log.warning("%d accepted jobs were left by an earlier run; writing them now", len(left))
        self._retrying = asyncio.create_task(self._retry(), context=contextvars.Context())

    async def aclose(self) -> None:
        """Finish what is being recorded and stop. What is pending stays in the journal for the next start."""
        if self._recording:
            await asyncio.wait(self._recording)
        if self._retrying is not None:
            self._retrying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._retrying
        await self._on_disk(self._journal.close)

    async def record(self, job: AcceptedJob) -> None:
        """Write the job down, durably, then try the database once. Never raises, and goes on when the caller is
        cancelled.
        """
        # A context of its own: a transaction that is open in the caller's must not take this write with it.
        task = asyncio.create_task(self._record(job), context=contextvars.Context())
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)
        await asyncio.shield(task)

    async def check(self) -> CheckResult:
        """Health: degraded while accepted jobs wait for the database."""
        if not self._pending:
            return CheckResult(status="up")
        return CheckResult(status="degraded", detail=f"{self.pending} accepted jobs aren't in the database yet")

    async def _record(self, job: AcceptedJob) -> None:
        self._pending[job.entry_id] = job
        await self._write_down(job)
        if not await self._try(job):
            self._retry_later(job)

    async def _write_down(self, job: AcceptedJob) -> None:
        try:
            await self._on_disk(self._journal.add, job)
        except Exception:  # a full disk or anything else: the database may still take it
            log.critical("The journal can't be written: accepted job %s is in memory only", job.entry_id, exc_info=True)
            self._unjournaled.add(job.entry_id)
        else:
            self._unjournaled.discard(job.entry_id)

    async def _try(self, job: AcceptedJob) -> bool:
        try:
            async with asyncio.timeout(self._write_timeout):
                await self._write(job)
        except Exception:  # whatever keeps the database from taking it, the job must not be lost
            log.warning("Accepted job %s isn't in the database yet; it is tried again", job.entry_id, exc_info=True)
            return False
        del self._pending[job.entry_id]
        self._retries.pop(job.entry_id, None)
        self._unjournaled.discard(job.entry_id)
        try:
            await self._on_disk(self._journal.done, job.entry_id)
        except OSError:
            log.warning(
                "The journal can't be written; job %s is replayed at the next start", job.entry_id, exc_info=True
            )
        return True

    async def _on_disk(self, call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Call it in a thread, one at a time, and to its end even if the caller is cancelled: the next may rely on
        that."""

        async def run() -> T:
            async with self._disk:
                return await asyncio.to_thread(call, *args, **options)

        return await asyncio.shield(asyncio.ensure_future(run()))  # kept by the lock, or by its thread

    def _retry_later(self, job: AcceptedJob, *, first: bool = False) -> None:
        retry = self._retries.setdefault(job.entry_id, _Retry())
        longest = 0.0 if first else min(self._longest_pause, self._first_pause * 2.0 ** min(retry.failures, 30))
        retry.failures += not first
        retry.due = asyncio.get_running_loop().time() + longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self._more.set()

    async def _retry(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._more.clear()
            for entry_id in [entry_id for entry_id, retry in self._retries.items() if retry.due <= loop.time()]:
                job = self._pending[entry_id]
                if entry_id in self._unjournaled:
                    await self._write_down(job)
                if not await self._try(job):
                    self._retry_later(job)
            due = min((retry.due for retry in self._retries.values()), default=None)
            if due is not None and due <= loop.time():
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._more.wait()


class _Retry:
    """When a job is tried next (the loop's clock), and how often it failed."""

    __slots__ = ("due", "failures")

    def __init__(self) -> None:
        self.failures = 0
        self.due = 0.0
