"""A simulated FDM printer, so that everything runs with no hardware: it heats, moves, prints real G-code, and fails
when told to.

Seen through `PrinterDriver` it behaves as OctoPrint's printer does: a finished print stays at 100 %, a cancelled one's
progress is gone, a failure forgets the job. Its times are simulated seconds.
"""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from fluxgate_printing.models import ACTIVE_STATUSES, FilamentUse, PrinterState, PrinterStatus
from fluxgate_printing.printers.base import (
    Axis,
    Capability,
    PrinterBusyError,
    PrinterDriver,
    PrinterOfflineError,
    PrinterRejectedError,
    check_name,
)
from fluxgate_printing.printers.gcode import parse_line
from fluxgate_printing.printers.machine import MAX_BED, MAX_TOOL, Machine
from fluxgate_printing.printers.simulation import Analysis, Simulation, analyse
from fluxgate_printing.settings import VirtualPrinterSettings

TICK = 0.05
EXTENSIONS = (".gcode", ".gco", ".g")
FILAMENT_AREA = math.pi * (1.75 / 2) ** 2  # mm²

TEXTS: dict[PrinterStatus, str] = {
    "offline": "Offline after error",
    "connecting": "Connecting",
    "idle": "Operational",
    "printing": "Printing",
    "pausing": "Pausing",
    "paused": "Paused",
    "resuming": "Resuming",
    "cancelling": "Cancelling",
    "finishing": "Finishing",
    "error": "Error",
}
FAILURES: dict[str, tuple[PrinterStatus, str]] = {
    "thermal": ("error", "Thermal runaway on the hotend: printer halted"),
    "disconnect": ("offline", "The connection to the printer was lost"),
}


class _Job(msgspec.Struct, frozen=True):
    """The file that is loaded, and its print so far: the current or the last one; none after a cancel."""

    file: str
    analysis: Analysis
    print: Simulation | None


class VirtualPrinter(PrinterDriver):
    """One simulated printer, its files in `directory`, which is made when it is needed.

    `clock`: real seconds, monotonic.
    """

    capabilities: frozenset[Capability] = frozenset({"temperature", "home", "jog", "gcode"})

    def __init__(
        self, settings: VirtualPrinterSettings, directory: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._clock = clock
        self._seen = clock()
        self._machine = Machine()
        self._status: PrinterStatus = "idle"
        self._error: str | None = None
        self._job: _Job | None = None
        self._task: asyncio.Task[None] | None = None

    async def read_state(self) -> PrinterState:
        """See `PrinterDriver`. Never fails."""
        self._cool()
        job = self._job
        temperature = {"tool0": self._machine.tool.reading(), "bed": self._machine.bed.reading()}
        state = PrinterState(
            status=self._status,
            text=TEXTS[self._status],
            temperature=temperature if self._status not in {"offline", "error"} else {},
            error=self._error,
            observed_at=time.time(),
        )
        if job is None:
            return state
        length = job.analysis.filament
        state = msgspec.structs.replace(
            state,
            file=job.file,
            estimated_print_time=job.analysis.seconds,
            filament={"tool0": FilamentUse(length=length, volume=length * FILAMENT_AREA / 1000)},
        )
        if job.print is None:
            return state
        # the print's own time passes quicker; when it ends is asked by people
        left = 0.0 if job.print.done else max(job.analysis.seconds - job.print.elapsed, 0.0)
        left /= self._settings.speed_factor
        return msgspec.structs.replace(
            state, completion=job.print.completion, print_time=job.print.elapsed, print_time_left=left
        )

    async def upload(self, name: str, path: Path) -> str:
        """See `PrinterDriver`. Keeps a hard link where it can, else a copy."""
        stored = check_name(name).lstrip(".")
        if not stored.lower().endswith(EXTENSIONS):
            raise PrinterRejectedError("The printer takes G-code files only.")
        self._refuse_if_printing(stored)
        try:
            await asyncio.to_thread(self._keep, path, stored)
        except OSError as exc:
            raise PrinterRejectedError("The file to print can't be read or kept.") from exc
        return stored

    def _keep(self, path: Path, stored: str) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        temporary = self._directory / f".{uuid.uuid4().hex}"
        try:
            try:
                os.link(path, temporary)
            except OSError:  # another file system
                shutil.copyfile(path, temporary)
            temporary.replace(self._directory / stored)
        finally:
            temporary.unlink(missing_ok=True)

    async def start(self, name: str) -> None:
        """See `PrinterDriver`. `PrinterRejectedError` also for a file that would heat it beyond what it bears."""
        path = self._directory / check_name(name)
        self._refuse_unless_idle()
        try:
            analysis = await asyncio.to_thread(analyse, path)
            simulation = await asyncio.to_thread(Simulation, path, self._machine)
        except OSError as exc:
            raise PrinterRejectedError(f"The printer has no file {name!r}.") from exc
        if analysis.refusal is not None:
            simulation.close()
            raise PrinterRejectedError(analysis.refusal)
        try:
            self._refuse_unless_idle()  # another may have started meanwhile
        except (PrinterBusyError, PrinterOfflineError):
            simulation.close()
            raise
        self._cool()
        self._machine.begin()
        self._job = _Job(name, analysis, simulation)
        self._status = "printing"
        self._task = asyncio.create_task(self._run(simulation), name=f"virtual printer: {name}")

    async def pause(self) -> None:
        """See `PrinterDriver`."""
        self._refuse_unless_active()
        if self._status in {"printing", "resuming"}:
            self._status = "pausing"

    async def resume(self) -> None:
        """See `PrinterDriver`."""
        self._refuse_unless_active()
        if self._status in {"paused", "pausing"}:
            self._status = "resuming"

    async def cancel(self) -> None:
        """See `PrinterDriver`."""
        self._refuse_unless_active()
        self._status = "cancelling"

    async def connect(self) -> None:
        """See `PrinterDriver`. Also what clears an error, as switching a real one off and on does."""
        if self._status in {"offline", "error"}:
            self._status, self._error = "idle", None

    async def delete_file(self, name: str) -> None:
        """See `PrinterDriver`."""
        path = self._directory / check_name(name)
        self._refuse_if_printing(name)
        await asyncio.to_thread(path.unlink, missing_ok=True)
        if self._job is not None and self._job.file == name:
            self._job = None

    async def set_temperature(self, heater: str, target: float) -> None:
        """See `PrinterDriver`."""
        self._refuse_unless_connected()
        found = {"tool0": (self._machine.tool, MAX_TOOL), "bed": (self._machine.bed, MAX_BED)}.get(heater)
        if found is None:
            raise PrinterRejectedError(f"The printer has no heater {heater!r}.")
        heater_part, hottest = found
        if not 0 <= target <= hottest:
            raise PrinterRejectedError(f"This printer's {heater} goes to {hottest:g} °C.")
        self._cool()
        heater_part.target = target

    async def home(self, axes: Sequence[Axis]) -> None:
        """See `PrinterDriver`."""
        self._carry_out([" ".join(["G28", *axes])])

    async def jog(self, moves: Mapping[Axis, float], speed: float | None = None) -> None:
        """See `PrinterDriver`."""
        words = [f"{axis}{distance:.4f}" for axis, distance in moves.items()]
        self._carry_out(["G91", " ".join(["G1", *words, *([] if speed is None else [f"F{speed:.2f}"])]), "G90"])

    async def send_gcode(self, commands: Sequence[str]) -> None:
        """See `PrinterDriver`."""
        self._carry_out(commands)

    def _carry_out(self, lines: Sequence[str]) -> None:
        """Commands outside a print; they take no time."""
        self._refuse_unless_idle()
        self._cool()
        for line in lines:
            if (command := parse_line(line.encode())) is not None:
                self._machine.execute(command)
        if (refusal := self._machine.overheated()) is not None:
            self._machine.heat_off()
            self._machine.begin()
            raise PrinterRejectedError(refusal)

    async def camera_url(self) -> str | None:
        """See `PrinterDriver`."""
        return self._settings.camera_url

    async def aclose(self) -> None:
        """Ends the print, for unlike a real printer this one lives in this process."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._job is not None and self._job.print is not None:
            self._job.print.close()  # a task cancelled before its first step closes nothing
        if self._status in ACTIVE_STATUSES:
            self._fail("offline", "The printer was switched off")

    async def _run(self, simulation: Simulation) -> None:
        """Print to the end. While it runs, nobody else touches the machine."""
        try:
            while self._status in ACTIVE_STATUSES:
                await asyncio.sleep(TICK)
                seconds = self._passed()
                if self._status == "printing":
                    await self._print(simulation, seconds)
                else:
                    self._machine.advance(seconds)
                    self._settle()
        except OSError:
            self._fail("error", "The file can't be read any more")
        finally:
            simulation.close()

    async def _print(self, simulation: Simulation, seconds: float) -> None:
        failure = FAILURES.get(self._settings.fail)
        fail_at = self._settings.fail_at if failure else math.inf
        await asyncio.to_thread(simulation.advance, seconds, fail_at)
        if failure and simulation.completion >= fail_at:
            self._fail(*failure)
        elif simulation.fault is not None:
            self._fail("error", simulation.fault)
        elif simulation.done and self._status == "printing":
            self._status = "finishing"

    def _settle(self) -> None:
        """End a state that a real printer needs a moment for."""
        match self._status:
            case "pausing":
                self._status = "paused"
            case "resuming":
                self._status = "printing"
            case "finishing":
                self._status = "idle"
            case "cancelling":
                self._cancelled()
            case _:
                pass

    def _fail(self, status: PrinterStatus, reason: str) -> None:
        self._status, self._error, self._job = status, reason, None
        self._machine.heat_off()

    def _cancelled(self) -> None:
        if self._job is not None:
            self._job = _Job(self._job.file, self._job.analysis, None)
        self._status = "idle"
        self._machine.heat_off()

    def _passed(self) -> float:
        """Simulated seconds since it was last asked for."""
        now = self._clock()
        seconds = (now - self._seen) * self._settings.speed_factor
        self._seen = now
        return max(seconds, 0.0)

    def _cool(self) -> None:
        if self._status not in ACTIVE_STATUSES:
            self._machine.advance(self._passed())

    def _refuse_unless_idle(self) -> None:
        self._refuse_unless_connected()
        if self._status != "idle":
            raise PrinterBusyError(f"The printer doesn't take this now ({TEXTS[self._status]}).")

    def _refuse_unless_active(self) -> None:
        self._refuse_unless_connected()
        if self._status not in ACTIVE_STATUSES:
            raise PrinterBusyError("Nothing is being printed.")

    def _refuse_unless_connected(self) -> None:
        if self._status == "offline":
            raise PrinterOfflineError(f"The printer isn't connected ({self._error}).")
        if self._status == "error":
            raise PrinterBusyError(f"The printer is stopped by an error: {self._error}")

    def _refuse_if_printing(self, name: str) -> None:
        if self._status in ACTIVE_STATUSES and self._job is not None and self._job.file == name:
            raise PrinterBusyError("A file of that name is being printed.")
