"""One printer's side of the queue: brings a job to the printer, follows it to its end, and never prints one twice.

The order is what keeps a job safe (docs/printing.md, "From queue to print"): ask the printer live → claim the job in
the database → upload →
ask again → start → believe it only when seen. `printing` is in the database before the start command leaves, so a
crash never reprints;
what can't be told is `outcome_unknown` and waits for a person.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from fluxgate.errors import ConflictError, ProblemError, UnavailableError
from fluxgate_printing.models import ACTIVE_STATUSES, PrinterState
from fluxgate_printing.printers.base import (
    PrinterBusyError,
    PrinterError,
    PrinterOfflineError,
    PrinterOutcomeUnknown,
)
from fluxgate_printing.printers.supervisor import Supervisor
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.queue.states import FinalStatus, InvalidTransitionError

log = logging.getLogger(__name__)

CONFIRM_TIMEOUT = 90.0
CONFIRM_EVERY = 0.2
SAVE_EVERY = 2.0
WATCHED_WITHIN = 30.0
RETRY_WRITE = 2.0
COMPLETE = 99.995

Content = Callable[[JobRecord], Awaitable[Path]]
"""Where the bytes of a job's file are; FileNotFoundError when they are gone."""


class PrinterLane:
    """The one place that gives `supervisor`'s printer anything to print."""

    def __init__(self, supervisor: Supervisor, jobs: JobRepository, content: Content) -> None:
        self.supervisor = supervisor
        self.name = supervisor.name
        self._jobs = jobs
        self._content = content
        self._starting = asyncio.Lock()
        self._job: JobRecord | None = None
        self._file: str | None = None
        self._confirmed = False
        self._cancel_asked = False
        self._saved_at = float("-inf")
        self._last_active = float("-inf")
        self._bringing = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def job(self) -> JobRecord | None:
        """The job that this printer has, as it was claimed; None when it is free."""
        return self._job

    async def start(self) -> None:
        """Take up again what the database says this printer is printing, then follow it."""
        mine = [job for job in await self._jobs.active() if job.status == "printing" and job.printer_name == self.name]
        if mine:
            self._job = mine[0]
            self._file = mine[0].file_path or mine[0].file_name
            self._confirmed = not mine[0].outcome_unknown
            log.info("printer %s: job %s was printing when we stopped", self.name, self._job.id)
        self._spawn(self._follow(), "follow")

    async def aclose(self) -> None:
        """Stop following. The printer goes on."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def print(self, job: JobRecord) -> JobRecord:
        """Claim the job and begin to print it; answers the claimed job. What follows runs by itself and is recorded
        in the job.

        Raises ConflictError (PRINTER_BUSY, PRINTER_ERROR, PRINTER_HELD, JOB_NOT_QUEUED), UnavailableError
        (PRINTER_OFFLINE).
        """
        async with self._starting:
            if self._job is not None:
                raise self._occupied(self._job)
            check_ready(self.name, await self.supervisor.refresh())
            claimed = await self._jobs.claim(job.id, self.name)
            if claimed is None:
                raise ConflictError("This job isn't waiting any more.", code="JOB_NOT_QUEUED")
            self._take(claimed)
            self._bringing = True
        self._spawn(self._bring(claimed), "bring")
        return claimed

    async def cancel(self) -> None:
        """Cancel what prints, or is about to. Raises ProblemError."""
        self._cancel_asked = True
        if self._bringing:
            return  # the start command hasn't left, and won't
        try:
            await self._command(self.supervisor.driver.cancel)
        except ProblemError:
            self._cancel_asked = False
            raise

    async def pause(self) -> None:
        """Pause what prints. Raises ProblemError."""
        await self._command(self.supervisor.driver.pause)

    async def resume(self) -> None:
        """Go on with what is paused. Raises ProblemError."""
        await self._command(self.supervisor.driver.resume)

    async def let_go(self, job_id: UUID) -> None:
        """Forget a job that a person has settled in the database."""
        if self._job is not None and self._job.id == job_id:
            self._take(None)

    # -- bringing a job to the printer

    async def _bring(self, job: JobRecord) -> None:
        driver = self.supervisor.driver
        try:
            name = await driver.upload(job.file_name, await self._content(job))
            check_ready(self.name, await self.supervisor.refresh())
        except (PrinterError, ProblemError, OSError) as error:
            reason = error.message if isinstance(error, ProblemError) else str(error)
            await self._put_back(job, f"{self.name}: {reason}")
            return
        except Exception:
            log.exception("printer %s: bringing job %s failed", self.name, job.id)
            await self._put_back(job, f"{self.name}: the file couldn't be brought to the printer")
            return
        self._file = name
        if self._cancel_asked:
            await self._finish(job, "canceled", None)
            return
        self._bringing = False
        try:
            await driver.start(name)
        except PrinterOutcomeUnknown as error:
            await self._unknown(job, str(error))
            return
        except PrinterError as error:
            await self._put_back(job, f"{self.name}: {error}")
            return
        except Exception as error:
            # The command may have left: only a person can tell now.
            log.exception("printer %s: starting job %s failed", self.name, job.id)
            await self._unknown(job, f"The start command failed ({type(error).__name__}).")
            return
        await self._confirm(job)

    async def _confirm(self, job: JobRecord) -> None:
        """Believe the start when the printer is seen at it; short prints may be over before they are."""
        deadline = time.monotonic() + CONFIRM_TIMEOUT
        while time.monotonic() < deadline:
            state = await self.supervisor.refresh()
            if self._job is None or self._job.id != job.id:
                return
            if state.status in ACTIVE_STATUSES or self._over(state):
                self._confirmed = True
                await self._observe(state)
                return
            if state.status == "error":
                await self._finish(job, "failed", state.error or "The printer reports an error.")
                return
            await asyncio.sleep(CONFIRM_EVERY)
        await self._unknown(job, f"The printer wasn't seen printing within {CONFIRM_TIMEOUT:.0f} s of the start.")

    # -- following it

    async def _follow(self) -> None:
        with self.supervisor.subscribe() as states:
            async for state in states:
                try:
                    await self._observe(state)
                except InvalidTransitionError as error:
                    log.warning("printer %s: its job was settled by somebody else (%s)", self.name, error)
                    self._take(None)
                except Exception:
                    # The next state tries again; if none comes, the printer's own state hasn't changed either.
                    log.exception("printer %s: recording the job's state failed", self.name)
                    self._spawn(self._observe_later(), "observe again")

    async def _observe_later(self) -> None:
        await asyncio.sleep(RETRY_WRITE)
        try:
            await self._observe(self.supervisor.state)
        except Exception as error:  # noqa: BLE001 - the database is still away; the job must not be lost for it
            log.warning("printer %s: still can't record the job's state (%s)", self.name, type(error).__name__)
            self._spawn(self._observe_later(), "observe again")

    async def _observe(self, state: PrinterState) -> None:
        """Bring the job's row in line with what the printer was seen doing."""
        job = self._job
        if job is None or not state.observed_at or state.status in {"offline", "connecting"}:
            return  # offline is not failed: it is looked at again when the printer answers
        if job.outcome_unknown or self._confirmed:
            await self._reconcile(job, state)

    async def _reconcile(self, job: JobRecord, state: PrinterState) -> None:
        same = state.file is None or state.file == self._file
        if state.status in ACTIVE_STATUSES:
            if same:
                if job.outcome_unknown:
                    await self._adopt(job)
                await self._save_progress(job, state)
            elif not job.outcome_unknown:
                await self._unknown(job, "The printer is printing another file.")
        elif state.status == "error":
            await self._finish(job, "failed", state.error or "The printer reports an error.")
        elif self._over(state):
            await self._finish(job, "completed", None, state)
        elif self._cancel_asked:
            await self._finish(job, "canceled", None, state)
        elif not job.outcome_unknown:
            if self._seen_active(state, same=same):
                await self._finish(job, "canceled", "The print was stopped at the printer.", state)
            else:
                await self._unknown(job, "The printer was found idle, without the end of the print having been seen.")

    def _seen_active(self, state: PrinterState, *, same: bool) -> bool:
        """Whether the print was watched until just now, so that idle means somebody stopped it."""
        return same and state.file is not None and time.monotonic() - self._last_active < WATCHED_WITHIN

    def _over(self, state: PrinterState) -> bool:
        return (
            state.status not in ACTIVE_STATUSES
            and state.file is not None
            and state.file == self._file
            and (state.completion or 0.0) >= COMPLETE
        )

    async def _adopt(self, job: JobRecord) -> None:
        log.info("printer %s: found job %s printing; taken up again", self.name, job.id)
        self._job = await self._jobs.adopt(job.id)
        self._confirmed = True

    async def _save_progress(self, job: JobRecord, state: PrinterState) -> None:
        now = time.monotonic()
        self._last_active = now
        progress = min(max(state.completion or 0.0, 0.0), 100.0)
        if now - self._saved_at < SAVE_EVERY:
            return
        self._saved_at = now
        estimate = state.estimated_print_time
        await self._jobs.update_progress(
            job.id,
            progress,
            printer_status=state.status,
            estimated_time=None if estimate is None else round(estimate),
        )

    # -- ends

    async def _finish(
        self, job: JobRecord, status: FinalStatus, message: str | None, state: PrinterState | None = None
    ) -> None:
        spent = round(state.print_time) if state is not None and state.print_time is not None else None
        await self._jobs.finish(job.id, status, error_message=message, actual_time=spent)
        log.info("printer %s: job %s %s%s", self.name, job.id, status, f" ({message})" if message else "")
        if self._job is not None and self._job.id == job.id:
            self._take(None)

    async def _put_back(self, job: JobRecord, reason: str) -> None:
        """The start command never left: back into the queue, at its place, with the reason."""
        log.warning("job %s goes back into the queue: %s", job.id, reason)
        if self._cancel_asked:
            await self._finish(job, "canceled", None)
            return
        await self._persistently(lambda: self._jobs.release(job.id, reason))
        self._take(None)

    async def _unknown(self, job: JobRecord, reason: str) -> None:
        log.error("printer %s: what became of job %s isn't known: %s", self.name, job.id, reason)
        await self._persistently(lambda: self._jobs.mark_unknown(job.id, reason))
        if self._job is not None and self._job.id == job.id:
            self._job = msgspec.structs.replace(job, outcome_unknown=True, state_detail=reason)

    async def _persistently(self, write: Callable[[], Awaitable[JobRecord]]) -> None:
        while True:
            try:
                await write()
            except InvalidTransitionError as error:
                log.warning("printer %s: the job was settled by somebody else meanwhile (%s)", self.name, error)
                return
            except Exception:
                log.exception("printer %s: the database doesn't take a job's state; trying again", self.name)
                await asyncio.sleep(RETRY_WRITE)
            else:
                return

    # -- inside

    def _take(self, job: JobRecord | None) -> None:
        self._job = job
        self._file = None
        self._confirmed = False
        self._cancel_asked = False
        self._saved_at = float("-inf")
        self._last_active = float("-inf")
        self._bringing = False

    def _occupied(self, job: JobRecord) -> ConflictError:
        if job.outcome_unknown:
            return ConflictError(
                f"{self.name} is held: whether it printed {job.file_name!r} isn't known."
                " Look at the printer, then settle that job.",
                code="PRINTER_HELD",
            )
        return ConflictError(f"{self.name} is printing {job.file_name!r}.", code="PRINTER_BUSY")

    async def _command(self, command: Callable[[], Awaitable[None]]) -> None:
        try:
            await command()
        except PrinterError as error:
            raise printer_problem(self.name, error) from error
        finally:
            await self.supervisor.refresh()

    def _spawn(self, work: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.create_task(work, name=f"printer {self.name}: {what}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def check_ready(name: str, state: PrinterState) -> None:
    """Raise unless a print may start on a printer that is in this state, seen just now."""
    if state.status in {"offline", "connecting"}:
        raise UnavailableError(f"{name} is offline. {state.error or ''}".strip(), code="PRINTER_OFFLINE", retry_after=5)
    if state.status == "error":
        raise ConflictError(f"{name} reports an error: {state.error or state.text}", code="PRINTER_ERROR")
    if state.status in ACTIVE_STATUSES:
        raise ConflictError(f"{name} is busy ({state.text}).", code="PRINTER_BUSY")


def printer_problem(name: str, error: PrinterError) -> ProblemError:
    """The answer to a command that a printer didn't take."""
    if isinstance(error, PrinterOfflineError):
        return UnavailableError(f"{name}: {error}", code="PRINTER_OFFLINE", retry_after=5)
    if isinstance(error, PrinterBusyError):
        return ConflictError(f"{name}: {error}", code="PRINTER_STATE")
    if isinstance(error, PrinterOutcomeUnknown):
        return ProblemError(f"{name}: {error}", status=504, code="PRINTER_OUTCOME_UNKNOWN")
    return ProblemError(f"{name}: {error}", status=502, code="PRINTER_REJECTED")
