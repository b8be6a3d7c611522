"""The `native` backend put together: printers, cameras, queue, files, and the routes over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from fluxgate.errors import PluginError
from fluxgate.plugin import CheckResult, Gauge, HealthCheck, PluginContext, Policy, SocketRoute, StreamRoute
from fluxgate.types import Receive, Scope, Send
from fluxgate_printing.access import OPERATE, VIEW, WATCH, WATCH_ONE, Access
from fluxgate_printing.api import (
    contents,
    control,
    docs,
    equipment,
    events,
    files,
    job_stats,
    jobs,
    me,
    options,
    printer,
    printers,
    projects,
    queue,
    queue_control,
    quick,
    reads,
    temperatures,
)
from fluxgate_printing.api.camera import camera_routes
from fluxgate_printing.api.views import printer_view
from fluxgate_printing.callers import Callers
from fluxgate_printing.camera import Camera
from fluxgate_printing.costs import Costs
from fluxgate_printing.equipment import Equipment
from fluxgate_printing.files.catalog import FileRepository
from fluxgate_printing.files.room import Room
from fluxgate_printing.files.store import FileStore
from fluxgate_printing.inventory import Inventory
from fluxgate_printing.ledger import JobLedger
from fluxgate_printing.live import Live
from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.added import AddedPrinters
from fluxgate_printing.printers.configured import default_printer, effective_printers
from fluxgate_printing.printers.kinds import Kinds
from fluxgate_printing.projects import ProjectRepository
from fluxgate_printing.queue.bringing import Content
from fluxgate_printing.queue.dispatch import Dispatcher, Station
from fluxgate_printing.queue.floor import PrinterFloor, PrinterRecord
from fluxgate_printing.queue.history import JobHistory
from fluxgate_printing.queue.period import PeriodStatistics
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.queue.statistics import ProjectStatistics
from fluxgate_printing.retention import Retention
from fluxgate_printing.roster import Roster
from fluxgate_printing.service import PrintingService
from fluxgate_printing.settings import PrintingSettings
from fluxgate_printing.shelf import Shelf
from fluxgate_printing.stations import StationMaker

HANDLERS = (
    me.show,
    options.show,
    printer.cancel,
    printer.pause,
    printer.resume,
    queue.show,
    queue.add,
    queue.clear,
    queue.remove,
    queue.reorder,
    queue.start,
    queue_control.change,
    queue_control.hold,
    queue_control.release,
    queue_control.waiting,
    queue_control.pause,
    queue_control.resume,
    temperatures.history,
    control.heat,
    control.heat_hotend,
    control.heat_bed,
    control.home,
    control.jog,
    control.gcode,
    printers.show,
    printers.one,
    printers.change,
    printers.load,
    printers.clear_bed,
    printers.cancel,
    printers.pause,
    printers.resume,
    files.show,
    files.one,
    files.remove,
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
    projects.files,
    projects.link,
    projects.unlink,
    quick.estimate,
    quick.quick_print,
    *equipment.HANDLERS,
)


class NativeBackend:
    """Declared without side effects; `running()` provides the service, and takes it away again."""

    def __init__(self, settings: PrintingSettings, kinds: Kinds) -> None:
        effective_printers(settings, kinds)
        self._settings = settings
        self._kinds = kinds
        self.access = Access(settings.access, settings.printer_groups, default_printer(settings))
        self._service: PrintingService | None = None
        self._equipment: Equipment | None = None

    @property
    def service(self) -> PrintingService:
        """The running service; PluginError before it runs, which the gateway doesn't let a request see."""
        if self._service is None:
            raise PluginError("the printing service isn't running")
        return self._service

    @property
    def equipment(self) -> Equipment:
        """Which printers there are, for as long as `service` runs; PluginError as there."""
        if self._equipment is None:
            raise PluginError("the printing service isn't running")
        return self._equipment

    @property
    def streams(self) -> tuple[StreamRoute, ...]:
        """What passes without Litestar: reads from memory, the camera, uploads."""
        return (
            *self._of_printer("", self.access.policy(WATCH)),
            *self._of_printer("/printers/{printer}", self.access.policy(WATCH_ONE)),
            StreamRoute(
                path="/events",
                app=events.events(lambda: self.service),
                doc=docs.EVENTS,
                policy=self.access.policy(VIEW),
                name="events",
                summary="What changes, live, as server-sent events",
            ),
            StreamRoute(
                path="/files/upload",
                app=self._upload,
                doc=docs.UPLOAD,
                policy=self.access.policy(OPERATE),
                rate="upload",
                methods=frozenset({"POST"}),
                name="file_upload",
                action="printing.file.upload",
                summary="Upload G-code files, as multipart/form-data",
            ),
            StreamRoute(
                path="/files/{name}/download",
                app=self._download,
                doc=docs.DOWNLOAD,
                policy=self.access.policy(VIEW),
                rate="read",
                name="file_download",
                summary="A file's content",
            ),
            StreamRoute(
                path="/files/{name}/thumbnail",
                app=self._thumbnail,
                doc=docs.THUMBNAIL,
                policy=self.access.policy(VIEW),
                rate="read",
                name="file_thumbnail",
                summary="A picture of what a file prints",
            ),
        )

    @property
    def sockets(self) -> tuple[SocketRoute, ...]:
        """What is told live, as a WebSocket."""
        return (
            SocketRoute(
                path="/ws",
                app=events.socket(lambda: self.service),
                policy=self.access.policy(VIEW),
                name="events_socket",
                summary="What changes, live, as a WebSocket",
            ),
        )

    @property
    def checks(self) -> tuple[HealthCheck, ...]:
        """Health of the printers."""
        return (HealthCheck(name="printers", check=self._check_printers, interval=1.0),)

    @property
    def gauges(self) -> tuple[Gauge, ...]:
        """Numbers for `/-/metrics`."""
        return (
            Gauge(
                name="printers",
                help="Printers by what they were last seen doing.",
                labels=("status",),
                read=self._printers_by_status,
            ),
            Gauge(
                name="event_listeners",
                help="Who listens to live events.",
                read=lambda: [((), self.service.live.hub.listeners)],
            ),
            Gauge(
                name="event_states_skipped",
                help="States that listeners on slow links missed, the latest never, summed, since the start.",
                read=lambda: [((), self.service.live.hub.dropped)],
            ),
            Gauge(
                name="camera_viewers",
                help="Who watches a printer's camera.",
                labels=("printer",),
                read=lambda: [((name,), camera.stats.viewers) for name, camera in self.service.cameras.items()],
            ),
            Gauge(
                name="camera_frames",
                help="Pictures that a camera has sent since the start.",
                labels=("printer",),
                read=lambda: [((name,), camera.stats.frames) for name, camera in self.service.cameras.items()],
            ),
            Gauge(
                name="camera_dropped_frames",
                help="Pictures that viewers on slow links missed, summed over viewers, since the start.",
                labels=("printer",),
                read=lambda: [((name,), camera.stats.dropped) for name, camera in self.service.cameras.items()],
            ),
        )

    @asynccontextmanager
    async def running(self, context: PluginContext) -> AsyncIterator[None]:
        """Start store, printers and queue; stop them in reverse order. Printers go on printing."""
        if context.database is None:
            raise PluginError("the printing plugin needs its database")
        costs = Costs(self._settings.costs)
        repository = JobRepository(context.database, density=costs.density)
        catalog = FileRepository(context.database)
        store = FileStore(context.data_dir / "files")
        shelf = Shelf(catalog, store)
        content = _content(catalog, store)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(shelf.running())
            floor = PrinterFloor(context.database)
            stations: dict[str, Station] = {}
            dispatcher = Dispatcher(stations, repository, floor)
            live = Live(stations, repository, floor, _printer_json)
            maker = StationMaker(
                self._settings,
                context.data_dir,
                repository,
                floor,
                content,
                ended=lambda job: shelf.job_ended(job.file_id),
                freed=dispatcher.freed,
                changed=_telling(dispatcher, live),
            )
            inventory = Inventory(self._settings, self._kinds, AddedPrinters(context.database), floor, context.vault)
            roster = Roster(inventory, maker, self.access, live, stations)
            ledger = JobLedger(
                jobs=repository,
                history=JobHistory(context.database),
                statistics=ProjectStatistics(context.database),
                periods=PeriodStatistics(context.database),
                files=catalog,
                callers=Callers(self.access, ProjectRepository(context.database)),
                costs=costs,
                settled=self._settled,
            )
            self._equipment = Equipment(inventory, roster, context.data_dir)
            self._service = PrintingService(
                roster=roster,
                floor=floor,
                dispatcher=dispatcher,
                live=live,
                ledger=ledger,
                shelf=shelf,
                room=Room(catalog, store, self._settings.files),
                files=self._settings.files,
            )
            await stack.enter_async_context(
                Retention(context.database, repository, self._settings.retention_days).running()
            )
            await stack.enter_async_context(roster.running())
            dispatching = asyncio.create_task(dispatcher.run(), name="print queue dispatcher")
            stack.push_async_callback(_ended, dispatching)
            telling = asyncio.create_task(live.run(), name="live events")
            stack.push_async_callback(_ended, telling)
            stack.callback(live.hub.close)
            try:
                yield
            finally:
                self._service = self._equipment = None

    async def _settled(self, job: JobRecord) -> None:
        await self.service.settled(job)

    def _of_printer(self, prefix: str, policy: Policy) -> Iterable[StreamRoute]:
        """What a printer tells of itself: the default one, or the one that the path names."""
        reading = (
            ("status", reads.status, "State and temperatures of the printer", docs.STATUS),
            ("job", reads.job, "The current print", docs.JOB),
            ("temperature", reads.temperature, "Temperatures of the printer", docs.TEMPERATURE),
        )
        named = "printer_" if prefix else ""
        for name, read, summary, doc in reading:
            yield StreamRoute(
                path=f"{prefix}/{name}",
                app=reads.served(read, lambda: self.service),
                policy=policy,
                rate="read",
                name=f"{named}{name}",
                summary=summary,
                doc=doc,
            )
        yield from camera_routes(self._camera, policy, prefix, named)

    def _camera(self, printer: str | None) -> Camera:
        return self.service.camera(printer)

    def _printers_by_status(self) -> list[tuple[tuple[str], float]]:
        return self.service.printers_by_status()

    async def _check_printers(self) -> CheckResult:
        return await self.service.check_printers()

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        await files.Upload(self.service)(scope, receive, send)

    async def _download(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await contents.download(self.service, scope, send)

    async def _thumbnail(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await contents.thumbnail(self.service, scope, send)


def _content(catalog: FileRepository, store: FileStore) -> Content:
    async def content(job: JobRecord) -> Path:
        file = await catalog.get(job.file_id) if job.file_id is not None else None
        if file is None:
            raise FileNotFoundError(f"the file {job.file_name!r} is gone")
        return store.path(file.sha256)

    return content


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _telling(dispatcher: Dispatcher, live: Live) -> Callable[[str, PrinterState], None]:
    """Tells whoever listens of each state, and the dispatcher that a printer has become idle: nothing else that a
    printer does gives a job to it."""
    before: dict[str, str] = {}

    def changed(name: str, state: PrinterState) -> None:
        live.printer_changed(name)
        if state.status != before.get(name):
            before[name] = state.status
            live.look()
            if state.status == "idle":
                dispatcher.wake()

    return changed


def _printer_json(station: Station, record: PrinterRecord) -> bytes:
    # Whose job it has isn't everybody's business: the jobs that one may see say on which printer they are.
    return msgspec.json.encode(printer_view(station, record, None, is_default=None))
