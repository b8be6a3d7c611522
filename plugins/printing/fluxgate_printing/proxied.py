"""The `fluxprint` backend put together: forwarded routes, the shared camera, and the record of accepted jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import httpx

from fluxgate.errors import PluginError
from fluxgate.plugin import CheckResult, HealthCheck, PluginContext, Principal, StreamRoute
from fluxgate_printing.accepted import project_named
from fluxgate_printing.access import WATCH, Access
from fluxgate_printing.api import job_stats, jobs, me, options, projects, quick
from fluxgate_printing.api.camera import camera_routes
from fluxgate_printing.callers import Callers
from fluxgate_printing.camera import Camera, SnapshotCamera
from fluxgate_printing.costs import Costs
from fluxgate_printing.files.catalog import FileRepository
from fluxgate_printing.fluxprint import DEFAULT_URL, UPSTREAM, fluxprint_check
from fluxgate_printing.journal import AcceptedJob
from fluxgate_printing.ledger import JobLedger
from fluxgate_printing.projects import ProjectRepository
from fluxgate_printing.queue.history import JobHistory
from fluxgate_printing.queue.period import PeriodStatistics
from fluxgate_printing.queue.records import NewJob
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.queue.statistics import ProjectStatistics
from fluxgate_printing.recorder import AcceptedJobs
from fluxgate_printing.remote import RemotePrinting
from fluxgate_printing.retention import Retention
from fluxgate_printing.settings import FLUXPRINT, PrintingSettings

T = TypeVar("T")
HANDLERS = (
    me.show_remote,
    options.show,
    jobs.active,
    jobs.history,
    job_stats.show,
    jobs.one,
    jobs.change_status,
    jobs.sync,
    jobs.link,
    projects.listed,
    projects.stats,
    projects.detailed,
    quick.remote_estimate,
    quick.remote_quick_print,
)


class FluxPrintBackend:
    """Declared without side effects; `running()` provides recorder and camera, and takes them away again."""

    def __init__(self, settings: PrintingSettings) -> None:
        self._settings = settings
        self.access = Access(settings.access, settings.printer_groups, FLUXPRINT)
        self._callers: Callers | None = None
        self._jobs: JobRepository | None = None
        self._ledger: JobLedger | None = None
        self._remote: RemotePrinting | None = None
        self._projects: ProjectRepository | None = None
        self._recorder: AcceptedJobs | None = None
        self._camera: Camera | None = None
        self._client: httpx.AsyncClient | None = None

    @property
    def jobs(self) -> JobRepository:
        """The recorded jobs; PluginError before the backend runs."""
        return _running(self._jobs)

    @property
    def ledger(self) -> JobLedger:
        """The record of all jobs; PluginError before the backend runs."""
        return _running(self._ledger)

    @property
    def remote(self) -> RemotePrinting:
        """What FluxPrint is asked by us; PluginError before the backend runs."""
        return _running(self._remote)

    @property
    def projects(self) -> ProjectRepository:
        """Projects by either id; PluginError before the backend runs."""
        return _running(self._projects)

    @property
    def callers(self) -> Callers:
        """What callers may see; PluginError before the backend runs."""
        return _running(self._callers)

    @property
    def streams(self) -> tuple[StreamRoute, ...]:
        """The camera: one upstream stream, however many watch."""
        return camera_routes(lambda _printer: _running(self._camera), self.access.policy(WATCH))

    @property
    def checks(self) -> tuple[HealthCheck, ...]:
        """Health of the service, and of the record."""
        return (
            HealthCheck(name="fluxprint", check=self._check_service),
            HealthCheck(name="accepted-jobs", check=lambda: _running(self._recorder).check(), interval=1.0),
        )

    async def record(self, job: AcceptedJob) -> None:
        """Record one accepted job; never raises for what can be made good later."""
        await _running(self._recorder).record(job)

    async def vet(self, principal: Principal, body: bytes) -> None:
        """What is to be queued is for nobody's project, or for one that the caller may print for. Raises as
        `Callers.project` does; whoever may do everything may name a project that isn't known here."""
        project = project_named(body)
        if project is not None and not self.access.is_admin(principal):
            await self.callers.project(project, principal, to_print=True)

    @asynccontextmanager
    async def running(self, context: PluginContext) -> AsyncIterator[None]:
        """Open journal and camera; close them in reverse order."""
        if context.database is None:
            raise PluginError("the printing plugin needs its database")
        costs = Costs(self._settings.costs)
        self._jobs = JobRepository(context.database, density=costs.density)
        self._projects = ProjectRepository(context.database)
        self._callers = Callers(self.access, self._projects)
        self._ledger = JobLedger(
            jobs=self._jobs,
            history=JobHistory(context.database),
            statistics=ProjectStatistics(context.database),
            periods=PeriodStatistics(context.database),
            files=FileRepository(context.database),
            callers=self._callers,
            costs=costs,
        )
        self._client = context.clients[UPSTREAM]
        self._remote = RemotePrinting(self._client, self._ledger, self.record, self._settings.files)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(
                Retention(context.database, self._jobs, self._settings.retention_days).running()
            )
            self._recorder = await stack.enter_async_context(
                AcceptedJobs(context.data_dir / "accepted-jobs", self._write)
            )
            configured = self._settings.octoprint
            self._camera = Camera(
                self._camera_url
                if configured.camera_snapshot_url is None
                else SnapshotCamera(url=configured.camera_snapshot_url, fps=configured.camera_fps),
                name="fluxprint",
            )
            stack.push_async_callback(self._camera.aclose)
            yield

    async def _write(self, job: AcceptedJob) -> None:
        project = await self.projects.resolve(job.project_id) if job.project_id is not None else None
        if project is not None and not job.any_project:
            project = project if await self.callers.may_print_for(project, job.created_by or "") else None
        metadata = {**job.metadata, "source": job.source}
        if job.project_id is not None and project is None:
            metadata["project"] = job.project_id
        material = job.print_settings.get("material")
        new = NewJob(
            file_name=job.file_name,
            project_id=project,
            material_type=material[:50] if isinstance(material, str) and material else None,
            print_settings=job.print_settings,
            metadata=metadata,
            created_by=job.created_by,
        )
        await self.jobs.record_accepted(job.queue_id, new, entry_id=job.entry_id, accepted_at=job.accepted_at)

    async def _camera_url(self) -> str | None:
        configured = self._settings.octoprint.camera_url
        return configured or (self._settings.fluxprint.url or DEFAULT_URL).rstrip("/") + "/api/camera/stream"

    async def _check_service(self) -> CheckResult:
        return await fluxprint_check(_running(self._client))


def _running(part: T | None) -> T:
    if part is None:
        raise PluginError("the printing backend isn't running")
    return part
