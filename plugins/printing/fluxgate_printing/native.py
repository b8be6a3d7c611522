"""The `native` backend put together: printers, cameras, queue, files, and the routes over them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from fluxgate.errors import PluginError
from fluxgate.plugin import CheckResult, Gauge, HealthCheck, PluginContext, RouteDoc, StreamRoute
from fluxgate.types import Receive, Scope, Send
from fluxgate_printing.access import OPERATE, WATCH, Access
from fluxgate_printing.api import docs, files, jobs, printer, queue, reads
from fluxgate_printing.callers import Callers
from fluxgate_printing.camera import Camera, SnapshotCamera
from fluxgate_printing.files.catalog import FileRepository
from fluxgate_printing.files.store import FileStore
from fluxgate_printing.printers.base import PrinterDriver
from fluxgate_printing.printers.factory import default_printer, effective_printers, make_driver
from fluxgate_printing.printers.supervisor import Supervisor
from fluxgate_printing.projects import ProjectRepository
from fluxgate_printing.queue.bringing import Content
from fluxgate_printing.queue.lane import PrinterLane
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.service import PrintingService
from fluxgate_printing.settings import PrinterSettings, PrintingSettings, VirtualPrinterSettings
from fluxgate_printing.shelf import Shelf
from fluxgate_printing.test_picture import TestPicture

HANDLERS = (
    printer.cancel,
    printer.pause,
    printer.resume,
    queue.show,
    queue.add,
    queue.clear,
    queue.remove,
    queue.reorder,
    queue.start,
    files.show,
    files.remove,
    jobs.active,
    jobs.history,
    jobs.one,
    jobs.change_status,
)
VIRTUAL_POLL = 0.5


class NativeBackend:
    """Declared without side effects; `running()` provides the service, and takes it away again."""

    def __init__(self, settings: PrintingSettings) -> None:
        self._settings = settings
        self._printers = effective_printers(settings)
        self._default = default_printer(settings)
        self.access = Access(settings.access, settings.printer_groups, self._default)
        self._service: PrintingService | None = None

    @property
    def service(self) -> PrintingService:
        """The running service; PluginError before it runs, which the gateway doesn't let a request see."""
        if self._service is None:
            raise PluginError("the printing service isn't running")
        return self._service

    @property
    def streams(self) -> tuple[StreamRoute, ...]:
        """What passes without Litestar: reads from memory, the camera, uploads."""
        return (
            self._read("/status", reads.status, "State and temperatures of the printer", docs.STATUS),
            self._read("/job", reads.job, "The current print", docs.JOB),
            self._read("/temperature", reads.temperature, "Temperatures of the printer", docs.TEMPERATURE),
            self._read("/camera", reads.camera, "Whether the camera gives pictures, and who watches", docs.CAMERA),
            StreamRoute(
                path="/camera/stream",
                app=self._camera_stream,
                doc=docs.STREAM,
                policy=self.access.policy(WATCH),
                name="camera_stream",
                summary="The camera, live, as MJPEG",
            ),
            StreamRoute(
                path="/camera/snapshot",
                app=self._camera_snapshot,
                doc=docs.SNAPSHOT,
                policy=self.access.policy(WATCH),
                rate="read",
                name="camera_snapshot",
                summary="One JPEG of the camera",
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
        repository = JobRepository(context.database)
        catalog = FileRepository(context.database)
        store = FileStore(context.data_dir / "files")
        shelf = Shelf(catalog, store)
        content = _content(catalog, store)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(shelf.running())
            lanes: dict[str, PrinterLane] = {}
            cameras: dict[str, Camera] = {}
            for name, settings in self._printers.items():
                driver = make_driver(name, settings, context.data_dir)
                supervisor = Supervisor(name, driver, _poll_interval(settings))
                stack.push_async_callback(supervisor.aclose)
                lane = PrinterLane(supervisor, repository, content, lambda job: shelf.job_ended(job.file_id))
                stack.push_async_callback(lane.aclose)
                camera = _camera(settings, driver, supervisor, names=not self.access.own_only)
                stack.push_async_callback(camera.aclose)
                lanes[name] = lane
                cameras[name] = camera
            self._service = PrintingService(
                lanes=lanes,
                cameras=cameras,
                default=self._default,
                jobs=repository,
                callers=Callers(self.access, ProjectRepository(context.database)),
                shelf=shelf,
                files=self._settings.files,
            )
            for lane in lanes.values():
                await lane.start()
                lane.supervisor.start()
            try:
                yield
            finally:
                self._service = None

    def _read(self, path: str, read: reads.Read, summary: str, doc: RouteDoc) -> StreamRoute:
        return StreamRoute(
            path=path,
            app=reads.served(read, lambda: self.service),
            policy=self.access.policy(WATCH),
            rate="read",
            name=path.removeprefix("/"),
            summary=summary,
            doc=doc,
        )

    def _printers_by_status(self) -> list[tuple[tuple[str], float]]:
        return self.service.printers_by_status()

    async def _check_printers(self) -> CheckResult:
        return await self.service.check_printers()

    async def _camera_stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self.service
        await service.cameras[service.default].stream(scope, receive, send)

    async def _camera_snapshot(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self.service
        await service.cameras[service.default].snapshot(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        await files.Upload(self.service)(scope, receive, send)


def _content(catalog: FileRepository, store: FileStore) -> Content:
    async def content(job: JobRecord) -> Path:
        file = await catalog.get(job.file_id) if job.file_id is not None else None
        if file is None:
            raise FileNotFoundError(f"the file {job.file_name!r} is gone")
        return store.path(file.sha256)

    return content


def _poll_interval(settings: PrinterSettings) -> float:
    return VIRTUAL_POLL if isinstance(settings, VirtualPrinterSettings) else settings.poll_interval


def _camera(settings: PrinterSettings, driver: PrinterDriver, supervisor: Supervisor, *, names: bool) -> Camera:
    if settings.camera_snapshot_url is not None:
        return Camera(SnapshotCamera(url=settings.camera_snapshot_url, fps=settings.camera_fps), name=supervisor.name)
    configured = settings.camera_url
    if configured is not None:

        async def fixed() -> str | None:
            return configured

        return Camera(fixed, name=supervisor.name)
    if isinstance(settings, VirtualPrinterSettings):
        return Camera(TestPicture(caption=lambda: _caption(supervisor, names=names)), name=supervisor.name)
    return Camera(driver.camera_url, name=supervisor.name)


def _caption(supervisor: Supervisor, *, names: bool) -> list[str]:
    """What a test picture says; `names`: of files too, which not everybody who watches may know."""
    state = supervisor.state
    lines = [f"{supervisor.name}: {state.text}"]
    for heater, temperature in state.temperature.items():
        if temperature.actual is not None:
            lines.append(f"{heater} {temperature.actual:.0f} / {temperature.target or 0:.0f} °C")
    if state.file is not None and state.completion is not None:
        lines.append(f"{state.file if names else 'print'} {state.completion:.0f} %")
    return lines
