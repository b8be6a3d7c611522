"""What PrusaLink says in `/api/v1/status` and `/api/v1/job`, and what that means as a `PrinterState`.

PrusaLink forgets a job as soon as it is over: FINISHED and STOPPED name none, last for some 11 s, in which it takes no
other print, and are followed by IDLE. So what the last print came to is kept here.
"""

from __future__ import annotations

import msgspec

from fluxgate_printing.models import PrinterState, PrinterStatus, Temperature

LINGER = 15.0
"""Seconds for which FINISHED and STOPPED are the end of a print. Printers that PrusaLink is built into keep them until
somebody presses a button, and take the next print all the same."""

ENDING: dict[str, PrinterStatus] = {"FINISHED": "finishing", "STOPPED": "cancelling"}
STATUS: dict[str, PrinterStatus] = {
    "IDLE": "idle",
    "READY": "idle",  # somebody said at the printer that its bed is clear
    "PRINTING": "printing",
    "PAUSED": "paused",
    "FINISHED": "idle",
    "STOPPED": "idle",
    "ATTENTION": "error",
    "ERROR": "error",
}
"""Of all others, such as BUSY, it is only known that they take no print."""


class _Condition(msgspec.Struct, frozen=True):
    ok: bool = True
    message: str = ""


class _Printer(msgspec.Struct, frozen=True):
    state: str
    temp_nozzle: float | None = None
    target_nozzle: float | None = None
    temp_bed: float | None = None
    target_bed: float | None = None
    status_printer: _Condition = _Condition()


class StatusBody(msgspec.Struct, frozen=True):
    """`GET /api/v1/status`. It may have a job too, without the name of its file."""

    printer: _Printer


class _FileBody(msgspec.Struct, frozen=True):
    name: str
    path: str = ""


class _Meta(msgspec.Struct, frozen=True):
    estimated_print_time: float | None = None


class JobBody(msgspec.Struct, frozen=True):
    """`GET /api/v1/job`; no content when there is none. `path` begins with the storage's name; times are in seconds."""

    id: int | None
    state: str
    file: _FileBody
    progress: float = 0.0
    time_printing: float | None = None
    time_remaining: float | None = None


class Print(msgspec.Struct, frozen=True, kw_only=True):
    """A print as it was last seen. `stale`: the progress that was the print before's, None when it is this one's own;
    `ended`: how it ended, and `ended_at` when that was seen first (Unix time). Of one that was only seen to end nothing
    else is known.
    """

    job: int | None = None
    file: str | None = None
    completion: float | None = None
    print_time: float | None = None
    print_time_left: float | None = None
    stale: float | None = None
    ended: str | None = None
    ended_at: float = 0.0


def agree(status: StatusBody, job: JobBody | None) -> bool:
    """False when the answers speak of different moments."""
    if job is not None:
        return job.state == status.printer.state
    return status.printer.state not in {"PRINTING", "PAUSED"}


def follow(before: Print | None, status: StatusBody, job: JobBody | None, now: float, *, watched: bool) -> Print | None:
    """The print that the printer has or had last, `before` being what was known of it.

    `watched`: the printer was seen before, so that a job that is new now has begun meanwhile. None when nothing is
    known, which includes a print whose end wasn't seen.
    """
    state = status.printer.state
    if state in ENDING:
        if before is not None and before.ended == state:
            return before
        # for a moment the job is still there
        return _ended(_under_way(before, job, watched=watched) if job is not None else before or Print(), state, now)
    if job is not None:
        return _under_way(before, job, watched=watched)
    return before if before is not None and before.ended is not None and state != "ERROR" else None


def state_of(last: Print | None, status: StatusBody, job: JobBody | None, now: float) -> PrinterState:
    """The state of a printer whose print is or was `last`."""
    named = _status(status.printer.state, last, job, now)
    shown = last if last is not None and named not in {"connecting", "error"} else Print()
    return PrinterState(
        status=named,
        text=status.printer.state.capitalize(),
        temperature=_temperatures(status.printer),
        file=shown.file,
        completion=shown.completion,
        print_time=shown.print_time,
        print_time_left=shown.print_time_left,
        error=_error(status.printer) if named == "error" else None,
        observed_at=now,
    )


def _under_way(before: Print | None, job: JobBody, *, watched: bool) -> Print:
    stale = None
    if before is not None and before.job == job.id and before.ended is None:
        stale = before.stale
    elif watched and job.progress:
        # until the printer says how far this print is, PrusaLink says how far the one before was
        stale = job.progress
    if stale != job.progress:
        stale = None
    return Print(
        job=job.id,
        file=_file(job.file),
        completion=job.progress if stale is None else None,
        print_time=job.time_printing,
        print_time_left=job.time_remaining if stale is None else None,
        stale=stale,
    )


def _ended(before: Print, how: str, now: float) -> Print:
    finished = how == "FINISHED" and before.file is not None
    return msgspec.structs.replace(
        before,
        completion=100.0 if finished else None,
        print_time_left=0.0 if finished else None,
        ended=how,
        ended_at=now,
    )


def _status(state: str, last: Print | None, job: JobBody | None, now: float) -> PrinterStatus:
    if last is not None and last.ended is not None and state not in {"IDLE", "READY"} and now - last.ended_at < LINGER:
        return ENDING[last.ended]
    if job is not None and state in {"ATTENTION", "BUSY"}:
        # it waits for a person, as if paused; or it homes, or heats up
        return "paused" if state == "ATTENTION" else "printing"
    return STATUS.get(state, "connecting")


def _file(file: _FileBody) -> str:
    """The name as uploads have it; a file on the printer's own card keeps the card's name before it."""
    storage, _, name = file.path.strip("/").partition("/")
    return f"{storage}/{name}" if storage == "SD Card" else name or file.name


def _temperatures(printer: _Printer) -> dict[str, Temperature]:
    heaters = {
        "tool0": Temperature(printer.temp_nozzle, printer.target_nozzle),
        "bed": Temperature(printer.temp_bed, printer.target_bed),
    }
    return {name: heater for name, heater in heaters.items() if heater.actual is not None}


def _error(printer: _Printer) -> str:
    if not printer.status_printer.ok and printer.status_printer.message:
        return printer.status_printer.message
    return "The printer wants a person's attention." if printer.state == "ATTENTION" else "The printer failed."
