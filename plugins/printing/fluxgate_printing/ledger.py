"""The record of what was and is printed, whichever backend prints: read, settled, linked to projects, counted, and
forecast from. HTTP is `api/`'s business."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from fluxgate.errors import NotFoundError
from fluxgate.plugin import Principal
from fluxgate_printing.callers import Callers
from fluxgate_printing.costs import Costs
from fluxgate_printing.files.catalog import FileRecord, FileRepository
from fluxgate_printing.queue.history import HistoryFilter, JobHistory
from fluxgate_printing.queue.period import PeriodStatistics, PeriodSums
from fluxgate_printing.queue.reading import print_time
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.queue.states import FINAL
from fluxgate_printing.queue.statistics import Part, ProjectStatistics

__all__ = ["JobLedger", "LedgerEntry"]


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A job with what is known of it besides. `project`: its project's title, for those who have to do with it;
    `seconds`: how long it printed, until now if it still does; `cost`: of a job that ended, in the settings'
    currency."""

    job: JobRecord
    project: str | None
    seconds: int | None
    cost: float | None


class JobLedger:
    """One per backend. `settled` is told of each job that a person or FluxPrint settles: its printer has to know."""

    def __init__(
        self,
        *,
        jobs: JobRepository,
        history: JobHistory,
        statistics: ProjectStatistics,
        periods: PeriodStatistics,
        files: FileRepository,
        callers: Callers,
        costs: Costs,
        settled: Callable[[JobRecord], Awaitable[None]] | None = None,
    ) -> None:
        self.jobs = jobs
        self.callers = callers
        self.costs = costs
        self.sums = statistics
        self.past = history
        self._periods = periods
        self._files = files
        self._settled = settled

    # -- looking

    async def active(self, principal: Principal) -> list[LedgerEntry]:
        """What prints, then what waits, in order."""
        return await self._entries(await self.jobs.active(self.callers.sees(principal)), principal)

    async def history(
        self, wanted: HistoryFilter, limit: int, offset: int, principal: Principal
    ) -> tuple[list[LedgerEntry], int]:
        """A page of the jobs that ended, latest first, and how many there are, as far as they are counted."""
        sight = await self.callers.sees_by_projects(principal)
        page = await self.past.page(wanted, limit, offset, sight)
        if len(page) < limit and (page or not offset):
            total = offset + len(page)
        else:
            total = await self.past.count(wanted, sight)
        return await self._entries(page, principal), total

    async def job(self, job_id: UUID, principal: Principal) -> LedgerEntry:
        """One job; NotFoundError JOB_NOT_FOUND."""
        return await self._entry(await self.jobs.get(job_id, self.callers.sees(principal)), principal)

    async def project(self, project: str, principal: Principal, *, to_print: bool) -> UUID:
        """As `Callers.project`, for a project that has to be named."""
        found = await self.callers.project(project, principal, to_print=to_print)
        if found is None:
            raise NotFoundError("There is no such project.", code="PROJECT_NOT_FOUND", field="project_id")
        return found

    async def parts(self, project: UUID, principal: Principal, *, monthly: bool) -> tuple[list[Part], datetime | None]:
        """A project's jobs, summed up, and when the newest was made."""
        sight = (await self.callers.sees_by_projects(principal)).of_project(project)
        return await self.sums.parts(project, sight, monthly=monthly), await self.sums.latest(project, sight)

    async def period(self, wanted: HistoryFilter, principal: Principal) -> PeriodSums:
        """The jobs that ended, summed up."""
        return await self._periods.sums(wanted, await self.callers.sees_by_projects(principal))

    # -- changing

    async def settle(
        self, job_id: UUID, principal: Principal, status: str, progress: float | None, error_message: str | None
    ) -> LedgerEntry:
        """Say what became of a job; the state machine decides what is allowed (409)."""
        job = await self.jobs.get(job_id, self.callers.changes(principal))
        return await self._entry(await self._settle(job, status, progress, error_message), principal)

    async def sync(
        self, queue_id: int, principal: Principal, status: str, progress: float | None, error_message: str | None
    ) -> LedgerEntry:
        """The same by the number in the queue, for the one job that the number means now: the newest that waits or
        prints. That a job still waits may be said again. NotFoundError JOB_NOT_FOUND."""
        job = await self.jobs.by_queue_id(queue_id, sight=self.callers.changes(principal))
        if job is None:
            raise NotFoundError(f"There is no job {queue_id} in the queue.", code="JOB_NOT_FOUND", field="queue_id")
        if (job.status, status) != ("queued", "queued"):
            job = await self._settle(job, status, progress, error_message)
        return await self._entry(job, principal)

    async def link(self, job_id: UUID, principal: Principal, project: str, file_id: UUID | None) -> LedgerEntry:
        """Make a job a project's for which the caller may print, and of a file that the caller sees and that is no
        other project's."""
        await self.jobs.get(job_id, self.callers.changes(principal))
        found = await self.project(project, principal, to_print=True)
        if file_id is not None:
            await self._check_file(file_id, found, principal)
        return await self._entry(await self.jobs.link(job_id, found, file_id), principal)

    # -- inside

    async def _settle(
        self, job: JobRecord, status: str, progress: float | None, error_message: str | None
    ) -> JobRecord:
        settled = await self.jobs.update_status(job.id, status, progress=progress, error_message=error_message)
        if settled.status in FINAL and self._settled is not None:
            await self._settled(settled)
        return settled

    async def _check_file(self, file_id: UUID, project: UUID, principal: Principal) -> FileRecord:
        file = await self._files.get(file_id)
        seen = file and await self._files.get_by_name(file.name, self.callers.sees(principal))
        if file is None or seen is None or seen.id != file_id or file.project_id not in {None, project}:
            raise NotFoundError("There is no such file.", code="FILE_NOT_FOUND", field="file_id")
        return file

    async def _entry(self, job: JobRecord, principal: Principal) -> LedgerEntry:
        return (await self._entries([job], principal))[0]

    async def _entries(self, jobs: list[JobRecord], principal: Principal) -> list[LedgerEntry]:
        projects = {job.project_id for job in jobs if job.project_id is not None}
        titles = await self.callers.titles(projects, principal) if projects else {}
        now = datetime.now(UTC)
        return [
            LedgerEntry(
                job=job,
                project=None if job.project_id is None else titles.get(job.project_id),
                seconds=print_time(job, now) if job.actual_time is None else job.actual_time,
                cost=self._cost(job),
            )
            for job in jobs
        ]

    def _cost(self, job: JobRecord) -> float | None:
        if job.status not in FINAL:
            return None
        return self.costs.print(job.material_type, job.material_used, job.actual_time)
