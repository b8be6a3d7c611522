"""One printer's side of the queue: brings a job to the printer, follows it to its end, and never prints one twice.

The order is what keeps a job safe (docs/printing.md, "From queue to print"): ask the printer live → claim the job in
the database → upload → ask again → note that the start command leaves → send it → believe it only when seen. So a crash
never reprints, and what it leaves behind tells how far it had come. What can't be told is `outcome_unknown` and waits
for a person.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from fluxgate.errors import ConflictError, NotFoundError
from fluxgate_printing.models import ACTIVE_STATUSES, PrinterState
from fluxgate_printing.printers.base import Axis, PrinterDriver, PrinterError, PrinterOutcomeUnknown
from fluxgate_printing.printers.supervisor import Supervisor
from fluxgate_printing.queue.bringing import Bringer, Content, NotStarted, Started, Step
from fluxgate_printing.queue.floor import PrinterFloor
from fluxgate_printing.queue.judging import Ended, Held, Lost, Seen, at_end_of, judge
from fluxgate_printing.queue.moving import STARTING
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.queue.refusals import bed_not_clear, check_ready, occupied, out_of_service, printer_problem
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.queue.states import FinalStatus, InvalidTransitionError

__all__ = ["Content", "PrinterLane"]

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
SAVE_EVERY = 2.0

T = TypeVar("T")


Ending = Callable[[JobRecord], Awaitable[None]]
Freed = Callable[[JobRecord, str | None], None]
"""Told when a lane has its job no more; why it went back into the queue, if it did."""


class PrinterLane:
    """The one place that gives `supervisor`'s printer anything to print. `ended` is told of each job that it ended,
    `freed` whenever the printer has its job no more. `gated`: after a print it takes none until somebody says that the
    bed is clear.

    Seconds: `confirm_timeouts`, for the printer to be seen at a print after each start command, the first and those
    that are tried again; `confirm_every`, between looks at it meanwhile; `retry_write`, before a database that didn't
    take a job's state is tried again.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        jobs: JobRepository,
        floor: PrinterFloor,
        content: Content,
        ended: Ending,
        *,
        gated: bool = True,
        freed: Freed = lambda job, reason: None,
        confirm_timeouts: tuple[float, ...] = (90.0, 180.0, 180.0),
        confirm_every: float = 0.2,
        retry_write: float = 2.0,
    ) -> None:
        self.supervisor = supervisor
        self.name = supervisor.name
        self.gated = gated
        self.freed = freed
        self.out_of_service = False
        """Whether it takes no job any more; the one that it has is followed to its end."""
        self._jobs = jobs
        self._floor = floor
        self._tell_ended = ended
        self._bringer = Bringer(supervisor, jobs, content)
        self._confirm_timeouts = confirm_timeouts
        self._confirm_every = confirm_every
        self._retry_write = retry_write
        self._claiming = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._held: Held | None = None
        self._unattended = False
        """It was seen at a print that no job here stands for, and whose end hasn't been noted yet."""
        self._blocked = False
        """That print itself has been noted."""
        self._saved: tuple[str, float | None] | None = None
        self._saved_at = float("-inf")
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def job(self) -> JobRecord | None:
        """The job that this printer has, as it was claimed; None when it is free."""
        return None if self._held is None else self._held.job

    @property
    def is_held(self) -> bool:
        """Whether what became of its job isn't known, so that it takes no other."""
        return self._held is not None and self._held.unknown

    async def start(self) -> None:
        """Take up again what the database says this printer is printing, then follow it."""
        await self._floor.ensure(self.name)
        await self._take_up()
        self._spawn(self._follow(), "follow")

    async def withdraw(self) -> JobRecord | None:
        """Take no job any more; the one that it has, if it has one."""
        async with self._claiming:
            self.out_of_service = True
            return self.job

    async def aclose(self) -> None:
        """Stop following. The printer goes on."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def print(self, job: JobRecord) -> JobRecord:
        """Claim the job and begin to print it; answers the claimed job. What follows runs by itself and is recorded
        in the job.

        Raises ConflictError (PRINTER_BUSY, PRINTER_ERROR, PRINTER_HELD, BED_NOT_CLEAR, JOB_ON_HOLD, JOB_NOT_QUEUED),
        UnavailableError (PRINTER_OFFLINE, DATABASE_UNAVAILABLE).
        """
        async with self._claiming:
            if self._held is not None:
                raise occupied(self.name, unknown=self._held.unknown)
            if self.out_of_service:
                raise out_of_service(self.name)
            check_ready(self.name, await self.supervisor.refresh())
            await self._note_unattended()
            claimed = await self._claim(job)
            held = self._hold(Held(job=claimed, phase="bringing"))
        self._spawn(self._bring(held), "bring")
        return claimed

    async def cancel(self) -> None:
        """Cancel what prints, or is about to. Raises ProblemError."""
        if self._held is not None and self._held.phase == "bringing":
            await self._cancel_before_start(self._held)
            return
        async with self._bringer.sending:
            held = self._held
            try:
                await self._command(self.supervisor.driver.cancel, held)
            finally:
                await self.supervisor.refresh()

    async def pause(self) -> None:
        """Pause what prints. Raises ProblemError."""
        try:
            await self._command(self.supervisor.driver.pause)
        finally:
            await self.supervisor.refresh()

    async def resume(self) -> None:
        """Go on with what is paused. Raises ProblemError."""
        try:
            await self._command(self.supervisor.driver.resume)
        finally:
            await self.supervisor.refresh()

    async def set_temperature(self, heater: str, target: float) -> None:
        """Heat. Raises ProblemError."""
        await self._do(lambda driver: driver.set_temperature(heater, target))

    async def home(self, axes: Sequence[Axis]) -> None:
        """Drive home, unless it has a job. Raises ProblemError."""
        await self._do(lambda driver: driver.home(axes), only_idle=True)

    async def jog(self, moves: Mapping[Axis, float], speed: float | None) -> None:
        """Move by so many mm, unless it has a job. Raises ProblemError."""
        await self._do(lambda driver: driver.jog(moves, speed), only_idle=True)

    async def send_gcode(self, commands: Sequence[str]) -> None:
        """Send G-code, unless it has a job. Raises ProblemError."""
        await self._do(lambda driver: driver.send_gcode(commands), only_idle=True)

    async def _do(self, command: Callable[[PrinterDriver], Awaitable[None]], *, only_idle: bool = False) -> None:
        # Together with claims, so that no print starts while the head is driven about.
        async with self._claiming:
            if only_idle and self._held is not None:
                raise occupied(self.name, unknown=self._held.unknown)
            try:
                await self._command(lambda: command(self.supervisor.driver))
            finally:
                await self.supervisor.refresh()

    def let_go(self, job_id: UUID) -> None:
        """Forget a job that a person has settled in the database. Before the start command it won't be printed."""
        if self._held is not None and self._held.job.id == job_id:
            self._drop(self._held)

    # -- bringing a job to the printer

    async def _claim(self, job: JobRecord) -> JobRecord:
        try:
            claimed = await self._jobs.claim(job.id, self.name, any_bed=not self.gated)
        except ConflictError:
            raise
        except BaseException:
            # whether the claim was written isn't known: what the database has is taken up when it answers again
            self._spawn(self._take_up_later(), "take up again")
            raise
        return await self._refuse(job) if claimed is None else claimed

    async def _refuse(self, job: JobRecord) -> NoReturn:
        """Say why a claim took nothing."""
        now = await self._jobs.find(job.id)
        if now is None or now.status != "queued":
            raise ConflictError("This job isn't waiting any more.", code="JOB_NOT_QUEUED")
        if now.on_hold:
            raise ConflictError("This job is on hold. Release it first.", code="JOB_ON_HOLD")
        raise bed_not_clear(self.name, await self._floor.get(self.name))

    async def _bring(self, held: Held) -> None:
        step = await self._bringer.bring(held, lambda: self._held is held)
        if isinstance(step, Started):
            await self._confirm(held)
        else:
            await self._conclude(held, step)

    async def _conclude(self, held: Held, step: Step) -> None:
        match step:
            case NotStarted(reason=reason):
                await self._put_back(held, reason)
            case Ended():
                await self._end(held, step)
            case Lost(reason=reason):
                await self._lose(held, reason)
            case _:
                self._drop(held)

    async def _cancel_before_start(self, held: Held) -> None:
        """The start command hasn't left, and won't. Answered when the database has it: a crash must not forget it."""
        held.cancel_asked = True
        try:
            async with self._writing:
                canceled = await self._jobs.cancel(held.job.id)
        except InvalidTransitionError:
            return  # whoever brings it was first
        self._drop(held)
        await self._tell_ended(canceled)

    async def _confirm(self, held: Held) -> None:
        """Believe the start only when the printer is seen at it. One that answers, and goes on standing idle, is told
        again; one that can't be told about is left to a person."""
        for number, patience in enumerate(self._confirm_timeouts, 1):
            stood_idle = await self._watch_start(held, patience)
            if stood_idle is None:
                return
            if not stood_idle:
                await self._lose(held, f"The printer wasn't seen printing within {patience:g} s of the start.")
                return
            if number < len(self._confirm_timeouts):
                log.warning("printer %s: job %s was started and nothing happens; again", self.name, held.job.id)
                step = await self._bringer.start_again(held, lambda: self._held is held)
                if not isinstance(step, Started):
                    await self._conclude(held, step)
                    return
        tries = len(self._confirm_timeouts)
        await self._put_back(held, f"{self.name} took the start {tries} times and didn't begin to print.", hold=True)

    async def _watch_start(self, held: Held, patience: float) -> bool | None:
        """Look often until the printer was seen at it, of which the follower draws the conclusions: None. Else whether
        it answered all the while, and stood idle without the file having been printed."""
        deadline = time.monotonic() + patience
        idle = not held.stale
        while time.monotonic() < deadline:
            state = await self.supervisor.refresh()
            if self._held is not held or held.seen or held.unknown:
                return None
            idle = idle and state.status == "idle" and not at_end_of(state, held.file)
            await asyncio.sleep(self._confirm_every)
        return None if self._held is not held or held.seen else idle

    async def _put_back(self, held: Held, reason: str, *, hold: bool = False) -> None:
        """The job isn't printed: back into the queue, at its head, with the reason; on hold if a person has to look."""
        log.warning("job %s goes back into the queue: %s", held.job.id, reason)
        if not held.cancel_asked and self._held is held:
            await self._persistently(
                lambda: self._jobs.release(held.job.id, reason, hold=hold), lambda: not held.cancel_asked
            )
        if held.cancel_asked:
            await self._end(held, Ended("canceled"))
        self._drop(held, reason)

    # -- following it

    async def _follow(self) -> None:
        with self.supervisor.subscribe() as states:
            while True:
                try:
                    async with asyncio.timeout(LOOK_EVERY):
                        await anext(states)
                except TimeoutError:
                    pass  # a state that doesn't change is looked at too
                except StopAsyncIteration:
                    return
                try:
                    await self._look()
                except (InvalidTransitionError, NotFoundError) as error:
                    log.warning("printer %s: its job was settled by somebody else (%s)", self.name, error)
                    if self._held is not None:
                        self._drop(self._held)
                except Exception:  # looked at again in a moment; the job must not be lost for it
                    log.exception("printer %s: recording the job's state failed", self.name)

    async def _look(self) -> None:
        """Bring the job's row in line with what the printer was seen doing."""
        held, state = self._held, self.supervisor.state
        if held is None:
            self._unattended = self._unattended or state.status in ACTIVE_STATUSES
            if self._unattended and not self._claiming.locked():
                async with self._claiming:
                    await self._note_unattended()
            return
        self._unattended = self._blocked = False
        verdict = judge(held, state)
        if isinstance(verdict, (Ended, Lost)):
            # What a printer tells and what it is asked may pass each other on the way, and an end can't be taken back:
            # it is believed when the printer, asked once more, shows it too.
            state = await self.supervisor.refresh()
            if self._held is not held:
                return
            verdict = judge(held, state)
        match verdict:
            case Seen():
                await self._seen(held, state)
            case Lost(reason=reason):
                await self._lose(held, reason)
            case Ended():
                await self._end(held, verdict, state)
            case _:
                pass

    async def _note_unattended(self) -> None:
        """A print that nobody here had started lies on the bed. Noted as soon as it is seen, for a process that is
        killed forgets it, and when it has ended, for somebody may have called the bed clear meanwhile."""
        over = self.supervisor.state.status in {"idle", "error"}
        if not self._unattended or self._held is not None or (self._blocked and not over):
            return
        await self._floor.block_bed(self.name)
        log.info("printer %s: a print %s that wasn't started from here", self.name, "ended" if over else "was seen")
        self._unattended = self._blocked = not over

    async def _seen(self, held: Held, state: PrinterState) -> None:
        held.last_seen = state.observed_at
        held.seen, held.named = True, state.file is not None
        held.progress = min(max(state.completion or 0.0, 0.0), 100.0)
        if held.unknown:
            log.info("printer %s: found job %s printing; taken up again", self.name, held.job.id)
            held.unknown = False
            if await self._persistently(lambda: self._jobs.adopt(held.job.id)) is None:
                self._drop(held)
                return
        now = time.monotonic()
        saving = (state.status, state.completion)
        before = self._saved
        if saving == before or (before is not None and before[0] == state.status and now - self._saved_at < SAVE_EVERY):
            return
        estimate = state.estimated_print_time
        await self._jobs.update_progress(
            held.job.id,
            held.progress,
            printer_status=state.status,
            estimated_time=None if estimate is None else round(estimate),
        )
        self._saved, self._saved_at = saving, now

    async def _lose(self, held: Held, reason: str) -> None:
        log.error("printer %s: what became of job %s isn't known: %s", self.name, held.job.id, reason)
        held.unknown = True
        written = await self._persistently(
            lambda: self._jobs.mark_unknown(held.job.id, reason), lambda: held.unknown and self._held is held
        )
        if written is None and held.unknown:
            self._drop(held)

    async def _end(self, held: Held, end: Ended, state: PrinterState | None = None) -> None:
        spent = round(state.print_time) if state is not None and state.print_time is not None else None
        status: FinalStatus = end.status

        async def write() -> JobRecord:
            if status != "completed" and held.progress is not None:
                await self._jobs.update_progress(held.job.id, held.progress)
            return await self._jobs.finish(held.job.id, status, error_message=end.message, actual_time=spent)

        done = await self._persistently(write)
        self._drop(held)
        if done is not None:
            log.info("printer %s: job %s %s (%s)", self.name, held.job.id, status, end.message or "as expected")
            await self._tell_ended(done)

    # -- taking up what an earlier process left

    async def _take_up(self) -> None:
        try:
            job = await self._left_printing()
        except (InvalidTransitionError, NotFoundError) as error:
            log.info("printer %s: its job was settled just now (%s)", self.name, error)
            return
        if job is None or self._held is not None:
            return
        self._hold(
            Held(
                job=job,
                phase="started",
                file=job.file_path or job.file_name,
                stale=True,
                seen=job.printer_status not in {None, STARTING},
                unknown=job.outcome_unknown,
            )
        )
        log.info("printer %s: job %s was printing; it is taken up again", self.name, job.id)

    async def _left_printing(self) -> JobRecord | None:
        """The job that this printer may be printing. One whose start command never left goes back into the queue."""
        job = await self._jobs.printed_by(self.name)
        if job is None or job.outcome_unknown or self._held is not None:
            return job
        if job.printer_status is None:
            await self._jobs.release(job.id, f"{self.name}: interrupted before the print was started")
            log.info("printer %s: job %s was claimed and not started; it waits again", self.name, job.id)
            return None
        if job.printer_status == STARTING:
            return await self._jobs.mark_unknown(job.id, "Interrupted while the print was being started.")
        return job

    async def _take_up_later(self) -> None:
        while True:
            try:
                async with self._claiming:
                    await self._take_up()
            except Exception as error:  # noqa: BLE001 - the database is still away
                log.warning("printer %s: still can't read its job (%r)", self.name, error)
                await asyncio.sleep(self._retry_write)
            else:
                return

    # -- inside

    def _hold(self, held: Held) -> Held:
        self._held = held
        self._saved, self._saved_at = None, float("-inf")
        return held

    def _drop(self, held: Held, put_back: str | None = None) -> None:
        if self._held is held:
            self._held = None
            self.freed(held.job, put_back)

    async def _persistently(
        self, write: Callable[[], Awaitable[T]], still: Callable[[], bool] = lambda: True
    ) -> T | None:
        """Write, one at a time, until the database has it or it isn't so any more (`still`); None if it wasn't
        written, because somebody else settled the job meanwhile or it isn't so."""
        while True:
            try:
                async with self._writing:
                    return await write() if still() else None
            except (InvalidTransitionError, NotFoundError) as error:
                log.warning("printer %s: the job was settled by somebody else meanwhile (%s)", self.name, error)
                return None
            except Exception as error:  # noqa: BLE001 - whatever it is, the job's end must not be lost for it
                log.warning("printer %s: a job's state can't be written; trying again (%r)", self.name, error)
                await asyncio.sleep(self._retry_write)

    async def _command(self, command: Callable[[], Awaitable[None]], canceled: Held | None = None) -> None:
        try:
            await command()
        except PrinterError as error:
            if canceled is not None and isinstance(error, PrinterOutcomeUnknown):
                canceled.cancel_asked = True
            raise printer_problem(self.name, error) from error
        if canceled is not None:
            canceled.cancel_asked = True

    def _spawn(self, work: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.create_task(work, name=f"printer {self.name}: {what}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed", task.get_name(), exc_info=error)
