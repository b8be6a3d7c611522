"""What OctoPrint says in `/api/printer`, `/api/job` and `/api/connection`, and what that means as a `PrinterState`."""

from __future__ import annotations

import msgspec

from fluxgate_printing.models import FilamentUse, PrinterState, PrinterStatus, Temperature

CONNECTING = ("Connecting", "Detecting", "Opening")
UNCONNECTED = frozenset({"offline", "connecting", "error"})


class _Flags(msgspec.Struct, frozen=True, rename="camel"):
    operational: bool
    ready: bool
    printing: bool
    paused: bool
    cancelling: bool
    closed_or_error: bool = False
    error: bool = False
    pausing: bool = False
    resuming: bool = False
    finishing: bool = False


class _StateBody(msgspec.Struct, frozen=True):
    text: str
    flags: _Flags
    error: str | None = None


class PrinterBody(msgspec.Struct, frozen=True):
    """`GET /api/printer`; 409 while no printer is connected."""

    state: _StateBody
    temperature: dict[str, Temperature] = {}


class _FileBody(msgspec.Struct, frozen=True):
    name: str | None = None
    path: str | None = None


class _JobDetails(msgspec.Struct, frozen=True, rename="camel"):
    file: _FileBody = _FileBody()
    estimated_print_time: float | None = None
    # null, {"length", "volume"} or {"tool0": {…}}, as its analysis proceeds
    filament: dict[str, FilamentUse | float | None] | None = None


class _Progress(msgspec.Struct, frozen=True, rename="camel"):
    completion: float | None = None
    print_time: float | None = None
    print_time_left: float | None = None


class JobBody(msgspec.Struct, frozen=True):
    """`GET /api/job`."""

    state: str
    job: _JobDetails
    progress: _Progress
    error: str | None = None


class _Connection(msgspec.Struct, frozen=True):
    state: str


class ConnectionBody(msgspec.Struct, frozen=True):
    """`GET /api/connection`."""

    current: _Connection


class _FrameFlags(msgspec.Struct, frozen=True):
    operational: bool


class _FrameState(msgspec.Struct, frozen=True):
    text: str
    flags: _FrameFlags


class Frame(msgspec.Struct, frozen=True):
    """`current`, of the WebSocket. `temps`: readings since the last frame, often none; a reading has its `time`."""

    state: _FrameState
    job: _JobDetails
    progress: _Progress
    temps: list[dict[str, Temperature | float | None]] = []


def connected_state(printer: PrinterBody, job: JobBody, observed_at: float) -> PrinterState:
    """The state of a printer that OctoPrint is connected to."""
    return PrinterState(
        status=_status(printer.state.flags),
        text=printer.state.text,
        temperature=printer.temperature,
        file=_file(job.job),
        completion=job.progress.completion,
        print_time=job.progress.print_time,
        print_time_left=job.progress.print_time_left,
        estimated_print_time=job.job.estimated_print_time,
        filament=_filament(job.job),
        error=printer.state.error or None,
        observed_at=observed_at,
    )


def unconnected_state(job: JobBody, connection: ConnectionBody, observed_at: float) -> PrinterState:
    """The state when OctoPrint has no printer.

    One that OctoPrint lost to an error ("Offline after error": a thermal runaway, a serial failure) is `error`, for
    OctoPrint has given the print up with it; one that was disconnected or switched off is `offline`.
    """
    status: PrinterStatus = "offline"
    if connection.current.state.startswith(CONNECTING):
        status = "connecting"
    elif job.error:
        status = "error"
    return PrinterState(status=status, text=job.state, error=job.error or None, observed_at=observed_at)


def same_moment(frame: Frame, shown: PrinterState) -> bool:
    """Whether the frame speaks of the state and the file that `shown` has."""
    connected = shown.status not in UNCONNECTED
    return (frame.state.text, _file(frame.job), frame.state.flags.operational) == (shown.text, shown.file, connected)


def updated_state(frame: Frame, shown: PrinterState, observed_at: float) -> PrinterState:
    """`shown` with what may change while the state stays the same."""
    temperature = shown.temperature
    if frame.temps:
        read = {name: heater for name, heater in frame.temps[-1].items() if isinstance(heater, Temperature)}
        temperature = {name: heater for name, heater in read.items() if heater.actual is not None}
    return msgspec.structs.replace(
        shown,
        temperature=temperature,
        completion=frame.progress.completion,
        print_time=frame.progress.print_time,
        print_time_left=frame.progress.print_time_left,
        estimated_print_time=frame.job.estimated_print_time,
        filament=_filament(frame.job),
        observed_at=observed_at,
    )


def agree(printer: PrinterBody | None, job: JobBody, connection: ConnectionBody | None) -> bool:
    """False when the answers speak of different moments, as they do for about 0.2 s around a change."""
    if printer is not None:
        return printer.state.text == job.state
    if connection is None:
        return True
    if connection.current.state == "Closed":
        return job.state.startswith("Offline")
    # else it was connected after the printer was asked
    return connection.current.state == job.state != "Operational"


def _status(flags: _Flags) -> PrinterStatus:
    # while cancelling or pausing, `printing` is true as well
    named: tuple[tuple[bool, PrinterStatus], ...] = (
        (flags.cancelling, "cancelling"),
        (flags.finishing, "finishing"),
        (flags.pausing, "pausing"),
        (flags.resuming, "resuming"),
        (flags.paused, "paused"),
        (flags.printing, "printing"),
        (flags.error or flags.closed_or_error, "error"),
        (flags.ready, "idle"),
        # busy with something that has no flag of its own, such as a transfer to its SD card
        (flags.operational, "printing"),
    )
    return next((status for flag, status in named if flag), "connecting")


def _file(job: _JobDetails) -> str | None:
    return job.file.path or job.file.name


def _filament(job: _JobDetails) -> dict[str, FilamentUse] | None:
    tools = {tool: use for tool, use in (job.filament or {}).items() if isinstance(use, FilamentUse) and use.length}
    return tools or None
