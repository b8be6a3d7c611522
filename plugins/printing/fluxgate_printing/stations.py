"""Puts a printer together: its driver, supervisor, lane and camera."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from fluxgate_printing.camera import Camera, SnapshotCamera
from fluxgate_printing.inventory import ListedPrinter
from fluxgate_printing.models import ACTIVE_STATUSES, PrinterState
from fluxgate_printing.printers.base import PrinterDriver
from fluxgate_printing.printers.bounds import Bounds
from fluxgate_printing.printers.supervisor import Supervisor
from fluxgate_printing.printers.temperatures import TemperatureHistory
from fluxgate_printing.queue.bringing import Content
from fluxgate_printing.queue.dispatch import Station
from fluxgate_printing.queue.floor import PrinterFloor
from fluxgate_printing.queue.lane import Ending, Freed, PrinterLane
from fluxgate_printing.queue.matching import PrinterProfile
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.settings import AnyPrinterSettings, PrintingSettings, VirtualPrinterSettings
from fluxgate_printing.test_picture import TestPicture

__all__ = ["RunningPrinter", "StationMaker", "camera_of"]


class RunningPrinter(msgspec.Struct, frozen=True):
    """A printer as the inventory has it, and what has to do with it."""

    listed: ListedPrinter
    station: Station
    camera: Camera

    async def start(self) -> None:
        """Take up what it was printing, and begin to look."""
        await self.station.lane.start()
        self.station.lane.supervisor.start()

    async def aclose(self) -> None:
        """Have nothing to do with it any more. It goes on with what it does."""
        await self.camera.aclose()
        await self.station.lane.aclose()
        await self.station.lane.supervisor.aclose()


class StationMaker:
    """What all printers of a gateway have in common. `ended` and `freed` as for `PrinterLane`; `changed` is told the
    name of a printer and each of its states."""

    def __init__(
        self,
        settings: PrintingSettings,
        data_dir: Path,
        jobs: JobRepository,
        floor: PrinterFloor,
        content: Content,
        *,
        ended: Ending,
        freed: Freed,
        changed: Callable[[str, PrinterState], None],
    ) -> None:
        self._settings = settings
        self._data_dir = data_dir
        self._jobs = jobs
        self._floor = floor
        self._content = content
        self._ended = ended
        self._freed = freed
        self._changed = changed

    def make(self, printer: ListedPrinter) -> RunningPrinter:
        """One printer, not started yet."""
        name, settings = printer.name, printer.settings
        driver = printer.kind.driver(name, settings, self._data_dir)
        temperatures = TemperatureHistory()

        def changed(state: PrinterState) -> None:
            temperatures.tell(state.temperature)
            self._changed(name, state)

        supervisor = Supervisor(name, driver, printer.kind.polls_every(settings), changed)
        lane = PrinterLane(
            supervisor,
            self._jobs,
            self._floor,
            self._content,
            self._ended,
            gated=self._settings.bed_gate if settings.bed_gate is None else settings.bed_gate,
            freed=self._freed,
        )
        station = Station(
            lane,
            _profile(name, settings),
            _bounds(settings),
            temperatures,
            printer.kind.type,
            self._settings.auto_start if settings.auto_start is None else settings.auto_start,
        )
        names = self._settings.access.visibility == "all"
        return RunningPrinter(printer, station, camera_of(settings, driver, supervisor, names=names))


def camera_of(settings: AnyPrinterSettings, driver: PrinterDriver, supervisor: Supervisor, *, names: bool) -> Camera:
    """A printer's camera. `names`: whether a drawn one may show what its printer prints."""
    if settings.camera_snapshot_url is not None:
        return Camera(SnapshotCamera(url=settings.camera_snapshot_url, fps=settings.camera_fps), name=supervisor.name)
    configured = settings.camera_url
    if configured is not None:

        async def fixed() -> str | None:
            return configured

        return Camera(fixed, name=supervisor.name)
    if isinstance(settings, VirtualPrinterSettings):
        picture = TestPicture(caption=lambda: _caption(supervisor, names=names), grown=lambda: _grown(supervisor))
        return Camera(picture, name=supervisor.name)
    return Camera(driver.camera_url, name=supervisor.name)


def _bounds(settings: AnyPrinterSettings) -> Bounds:
    return Bounds(
        max_hotend=settings.max_hotend,
        max_bed=settings.max_bed,
        gcode=frozenset(command.upper() for command in settings.allowed_gcode),
    )


def _profile(name: str, settings: AnyPrinterSettings) -> PrinterProfile:
    return PrinterProfile(
        name=name,
        model=settings.model,
        groups=frozenset(settings.groups),
        nozzle=settings.nozzle,
        materials=frozenset(settings.materials),
        build_volume=settings.build_volume,
    )


def _grown(supervisor: Supervisor) -> float | None:
    """How much of its print a printer has done, 0 to 1; None without one."""
    state = supervisor.state
    return (state.completion or 0.0) / 100 if state.status in ACTIVE_STATUSES else None


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
