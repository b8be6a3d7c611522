"""The native backend: what FluxPrint would do, done here. Puts store, catalog, queue and printers together; HTTP is
`api/`'s business."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from fluxgate.errors import ConflictError, ForbiddenError, NotFoundError, ProblemError
from fluxgate.plugin import CheckResult, Principal
from fluxgate.types import Receive, Scope
from fluxgate_printing.callers import Callers
from fluxgate_printing.camera import Camera
from fluxgate_printing.estimate import Forecast, correction, forecast
from fluxgate_printing.files.catalog import FileRecord
from fluxgate_printing.files.names import check_name
from fluxgate_printing.files.room import Room, Space
from fluxgate_printing.files.upload import UploadResult, receive_upload
from fluxgate_printing.ledger import JobLedger
from fluxgate_printing.live import Live
from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.supervisor import Supervisor
from fluxgate_printing.queue.dispatch import Dispatcher, Station
from fluxgate_printing.queue.floor import PrinterFloor, PrinterRecord
from fluxgate_printing.queue.lane import PrinterLane
from fluxgate_printing.queue.matching import unfit
from fluxgate_printing.queue.records import JobRecord, NewJob
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.queue.requirements import needs_of
from fluxgate_printing.roster import Roster
from fluxgate_printing.settings import FileSettings
from fluxgate_printing.shelf import Shelf
from fluxgate_printing.usage import material_of, planned_grams, planned_seconds

T = TypeVar("T")


class PrintingService:
    """One per process."""

    def __init__(
        self,
        *,
        roster: Roster,
        floor: PrinterFloor,
        dispatcher: Dispatcher,
        live: Live,
        ledger: JobLedger,
        shelf: Shelf,
        room: Room,
        files: FileSettings,
    ) -> None:
        self._roster = roster
        self.stations = roster.stations
        self.cameras = roster.cameras
        self.floor = floor
        self.dispatcher = dispatcher
        self.live = live
        self.ledger = ledger
        self.jobs: JobRepository = ledger.jobs
        self.callers: Callers = ledger.callers
        self.shelf = shelf
        self._room = room
        self.file_settings = files

    # -- printers

    @property
    def default(self) -> str:
        """The printer that routes without a name speak of."""
        return self._roster.default

    def lane(self, printer: str | None = None) -> PrinterLane:
        """The lane of a printer; NotFoundError PRINTER_NOT_FOUND."""
        return self.station(printer).lane

    def station(self, printer: str | None = None) -> Station:
        """A printer; NotFoundError PRINTER_NOT_FOUND."""
        return self._roster.station(printer)

    def camera(self, printer: str | None = None) -> Camera:
        """A printer's camera; NotFoundError PRINTER_NOT_FOUND."""
        return self.cameras[self.lane(printer).name]

    @property
    def lanes(self) -> dict[str, PrinterLane]:
        """Every printer's lane."""
        return {name: station.lane for name, station in self.stations.items()}

    def supervisor(self, printer: str | None = None) -> Supervisor:
        """The supervisor of a printer; NotFoundError PRINTER_NOT_FOUND."""
        return self.lane(printer).supervisor

    def state(self, printer: str | None = None) -> PrinterState:
        """What the printer was last seen doing."""
        return self.supervisor(printer).state

    async def shows_file(self, principal: Principal, printer: str | None = None) -> bool:
        """Whether the caller may know the name of what a printer has loaded."""
        lane = self.lane(printer)
        return await self.callers.sees_print(lane.name, lane.job, principal)

    async def check_printers(self) -> CheckResult:
        """Health: down printers degrade the plugin, never more: the queue and the files still work."""
        statuses = {name: _reported(lane.supervisor.state) for name, lane in self.lanes.items()}
        texts = [
            f"{status}: {', '.join(names)}"
            for status in ("offline", "stale", "error")
            if (names := [name for name, known in statuses.items() if known == status])
        ]
        if not texts:
            return CheckResult(status="up", detail=f"{len(statuses)} printer(s)")
        return CheckResult(status="degraded", detail="; ".join(texts))

    def printers_by_status(self) -> list[tuple[tuple[str], float]]:
        """How many printers are in each status that one of them is in; `stale` is one here."""
        counts = Counter(_reported(lane.supervisor.state) for lane in self.lanes.values())
        return [((status,), count) for status, count in counts.items()]

    def changed(self) -> None:
        """Something was done to the queue or said of a printer: whoever acts on that, or tells it, looks now."""
        self.dispatcher.wake()
        self.live.look()

    # -- queue

    async def enqueue(self, new: NewJob, principal: Principal, *, start: bool) -> tuple[JobRecord, bool, str | None]:
        """Put a file in the queue; the job, whether it goes to the printer now, and why it doesn't if that was asked
        for.

        Raises UnprocessableError or UnsupportedMediaError for the name, NotFoundError FILE_NOT_FOUND.
        """
        job, created = await self.jobs.enqueue(new)
        if not start or (not created and job.status != "queued"):
            self.changed()
            return job, job.status == "printing", None
        printer = new.target_printer or self.default
        try:
            self.callers.access.require(principal, "operator", self.lane(printer).name)
            return await self._print(job, self.station(printer)), True, None
        except ProblemError as problem:
            return job, False, problem.message
        finally:
            self.changed()

    async def new_job(
        self, filename: str, principal: Principal, *, project_id: UUID | None, idempotency_key: str | None
    ) -> NewJob:
        """The caller's job for a file in the catalog, with what is known of the file. ForbiddenError
        PROJECT_FORBIDDEN."""
        file = await self.file(filename, principal)
        project_id = await self.callers.printed_for(file, project_id, principal)
        file = await self.shelf.analysed(file)
        estimated = file.known.estimated_time
        return NewJob(
            file_name=file.name,
            file_id=file.id,
            file_path=file.name,
            project_id=project_id,
            created_by=principal.id,
            estimated_time=None if estimated is None else round(estimated),
            material_type=material_of(file.analysis),
            idempotency_key=self.callers.key(principal, idempotency_key),
            allowed_printers=self.callers.access.printers(principal, "operator"),
            requirements=needs_of(file.known),
        )

    def check_target(self, printer: str | None, principal: Principal) -> None:
        """Raise unless the caller may have a job printed on the printer that it is for; None: on any."""
        if printer is not None:
            self.callers.access.require(principal, "operator", self.lane(printer).name)

    async def change(self, queue_id: int, principal: Principal, changes: Mapping[str, object]) -> JobRecord:
        """Change a waiting job: its priority, its printer, what it needs. ConflictError JOB_NOT_QUEUED."""
        job = await self.job_in_queue(queue_id, principal)
        changed = await self.jobs.change(job.id, changes)
        self.changed()
        return changed

    async def hold(self, queue_id: int, principal: Principal, reason: str | None) -> JobRecord:
        """Keep a waiting job from being printed. ConflictError JOB_NOT_QUEUED."""
        return await self.jobs.hold((await self.job_in_queue(queue_id, principal)).id, reason)

    async def release(self, queue_id: int, principal: Principal) -> JobRecord:
        """Let a held job be printed. ConflictError JOB_NOT_QUEUED."""
        released = await self.jobs.unhold((await self.job_in_queue(queue_id, principal)).id)
        self.changed()
        return released

    async def pause_queue(self, *, paused: bool) -> None:
        """Stop or go on with giving jobs to printers that take them by themselves."""
        await self.jobs.set_paused(paused)
        self.changed()

    async def set_auto_start(self, printer: str, auto_start: bool | None) -> None:
        """Whether a printer takes jobs by itself; None: as configured."""
        await self.floor.set_auto_start(self.lane(printer).name, auto_start)
        self.changed()

    async def load_material(self, printer: str, material: str | None, color: str | None, grams: float | None) -> None:
        """Which spool a printer has."""
        await self.floor.load(self.lane(printer).name, material, color, grams)
        self.changed()

    async def clear_bed(self, printer: str, principal: Principal) -> PrinterRecord:
        """The caller says that a printer's bed is clear."""
        record = await self.floor.clear_bed(self.lane(printer).name, principal.id)
        self.changed()
        return record

    async def position(self, job: JobRecord) -> int:
        """Where a job stands among those that wait, from 1; 0 if it doesn't wait."""
        waiting = [each.id for each in await self.jobs.queue()]
        return waiting.index(job.id) + 1 if job.id in waiting else 0

    async def start(self, queue_id: int, principal: Principal, printer: str | None = None) -> JobRecord:
        """Start a waiting job by hand."""
        job = await self.job_in_queue(queue_id, principal)
        self.callers.access.require(principal, "operator", self.lane(printer or job.target_printer).name)
        if job.status != "queued":
            raise ConflictError(f"Job {queue_id} is {job.status}.", code="JOB_NOT_QUEUED")
        return await self._print(job, self.station(printer or job.target_printer))

    async def _print(self, job: JobRecord, station: Station) -> JobRecord:
        """ConflictError PRINTER_UNFIT for a printer that can't print it, and as `PrinterLane.print` raises."""
        loaded = (await self.floor.get(station.lane.name)).loaded
        if (reason := unfit(job, station.profile, loaded)) is not None:
            raise ConflictError(reason.message, code="PRINTER_UNFIT")
        return await station.lane.print(job)

    async def remove(self, queue_id: int, principal: Principal) -> JobRecord:
        """Take a job out of the queue. One that prints is refused; one whose outcome is unknown is settled as
        canceled."""
        job = await self.job_in_queue(queue_id, principal)
        canceled = await self.jobs.withdraw(job.id)
        if canceled.printer_name in self.lanes:
            self.lanes[canceled.printer_name].let_go(job.id)
        await self.shelf.job_ended(canceled.file_id)
        return canceled

    async def clear(self, principal: Principal) -> list[JobRecord]:
        """Cancel every job that waits and that the caller may change."""
        gone = await self.jobs.cancel_all_queued(self.callers.changes(principal))
        for file_id in {job.file_id for job in gone}:
            await self.shelf.job_ended(file_id)
        return gone

    async def settled(self, job: JobRecord) -> None:
        """Somebody settled a job in the database: its printer has it no more, and nothing needs its file."""
        if job.printer_name in self.lanes:
            self.lanes[job.printer_name].let_go(job.id)
        await self.shelf.job_ended(job.file_id)
        self.changed()

    async def command(self, principal: Principal, printer: str | None = None, *, stopping: bool = False) -> PrinterLane:
        """A printer's lane, to be commanded. ForbiddenError JOB_FORBIDDEN if what it prints is somebody
        else's and the caller may change only their own; `stopping` it may be allowed even so."""
        lane = self.lane(printer)
        if stopping and self.callers.access.operators_stop_others:
            return lane
        if lane.job is not None and await self.jobs.find(lane.job.id, self.callers.changes(principal)) is None:
            raise ForbiddenError("What is printing isn't yours.", code="JOB_FORBIDDEN")
        return lane

    async def job_in_queue(self, queue_id: int, principal: Principal) -> JobRecord:
        """A job that the caller may change, by its number in the queue; NotFoundError JOB_NOT_FOUND."""
        job = await self.jobs.by_queue_id(queue_id, sight=self.callers.changes(principal))
        if job is None:
            raise NotFoundError(f"There is no job {queue_id} in the queue.", code="JOB_NOT_FOUND", field="id")
        return job

    # -- files

    async def file(self, name: str, principal: Principal) -> FileRecord:
        """A file that the caller may see; NotFoundError FILE_NOT_FOUND."""
        checked = check_name(name, self.file_settings.extensions, field="filename")
        return await self.shelf.find(checked, self.callers.sees(principal))

    async def project_files(self, project: UUID, principal: Principal) -> list[FileRecord]:
        """A project's files that the caller may see, latest first."""
        return await self.shelf.of_project(project, self.callers.sees(principal))

    async def link_file(
        self, name: str, principal: Principal, project: str, *, linked: bool
    ) -> tuple[FileRecord, UUID, bool]:
        """Make a file a project's for which the caller may print, or take it away from there; the file, the project,
        and whether that changed anything. ForbiddenError FILE_FORBIDDEN for a file that the caller may only look at,
        ConflictError FILE_LINKED_ELSEWHERE."""
        checked = check_name(name, self.file_settings.extensions, field="name")
        await self.shelf.find(checked, self.callers.sees(principal))
        found = await self.ledger.project(project, principal, to_print=True)
        if not await self.shelf.has(checked, self.callers.changes(principal)):
            raise ForbiddenError("You may look at this file and not change it.", code="FILE_FORBIDDEN", field="name")
        change = self.shelf.link if linked else self.shelf.unlink
        file, changed = await change(checked, found)
        return file, found, changed

    async def forecast(
        self, file: FileRecord, printer: str, material: str | None, copies: int
    ) -> tuple[Forecast, str | None]:
        """What so many copies of a file will take on a printer, and of which material: `material`, or else what the
        file says."""
        file = await self.shelf.analysed(file)
        kind = material or material_of(file.analysis)
        taken = forecast(
            size=file.size,
            seconds=planned_seconds(file.analysis),
            grams=planned_grams(file.analysis, density=self.ledger.costs.density, material=kind),
            copies=copies,
            history=correction(await self.ledger.past.times(printer)),
        )
        return taken, kind

    async def upload(
        self, scope: Scope, receive: Receive, read: Callable[[dict[str, str]], Awaitable[tuple[T, UUID | None]]]
    ) -> tuple[UploadResult, T]:
        """Take an upload in. `read` makes of its text fields what the caller needs, and names the project; if it
        raises, nothing is kept."""
        principal: Principal = scope["fluxgate.principal"]
        async with self._room.shared(principal.id, scope["headers"]) as share:
            result = await receive_upload(scope, share.counting(receive), self.shelf.store, self.file_settings)
            try:
                fields, project_id = await read(result.fields)
                changes = self.callers.changes(principal)
                async with share.settled(sum(file.size for file in result.files)):
                    await self.shelf.put(result.files, changes, by=principal.id, project_id=project_id)
            except BaseException:
                await asyncio.shield(self.shelf.discard(result.files))
                raise
        return result, fields

    async def space(self, principal: Principal) -> Space:
        """How much room there is for the caller's files."""
        return await self._room.space(principal.id)

    async def delete_file(
        self, name: str, principal: Principal, *, cancel_jobs: bool
    ) -> tuple[bool, Sequence[JobRecord]]:
        """Delete a file: whether it was there, and the jobs that were canceled for it if that was asked for.
        ConflictError FILE_IN_USE while a job needs it that isn't canceled."""
        changes = self.callers.changes(principal)
        canceled: list[JobRecord] = []

        async def release(file: FileRecord) -> None:
            canceled.extend(await self.jobs.cancel_all_of(file, changes))

        gone = await self.shelf.delete(name, changes, release if cancel_jobs else None)
        return gone, canceled


def _reported(state: PrinterState) -> str:
    return "stale" if state.stale else state.status
