"""The shapes that cross a boundary: printer state, and the JSON of the printing API.

Temperatures are °C, times seconds, completion percent (0–100), sizes bytes, filament length mm and volume cm³. The
wire shapes follow
OctoPrint's `/api/printer`, `/api/job` and `/api/files`, because FluxPrint and FluxStudio's frontend speak them.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Millimetres = Annotated[float, msgspec.Meta(gt=0, le=100_000)]

PrinterStatus = Literal[
    "offline", "connecting", "idle", "printing", "pausing", "paused", "resuming", "cancelling", "finishing", "error"
]
"""`offline`: no answer from the printer or its server; `error`: it answers, and says that it failed."""

ACTIVE_STATUSES: frozenset[PrinterStatus] = frozenset(
    {"printing", "pausing", "paused", "resuming", "cancelling", "finishing"}
)
"""A print is under way: no other may start."""


class Temperature(msgspec.Struct, frozen=True):
    """One heater. `target` 0 is off; None: not known."""

    actual: float | None = None
    target: float | None = None


class BuildVolume(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Width, depth and height in mm."""

    x: Millimetres
    y: Millimetres
    z: Millimetres


class FilamentUse(msgspec.Struct, frozen=True):
    """Filament that a job takes, per tool: `length` in mm, `volume` in cm³; None while analysis hasn't finished."""

    length: float | None = None
    volume: float | None = None


class PrinterState(msgspec.Struct, frozen=True, kw_only=True):
    """What a printer was seen doing at `observed_at` (Unix time). The supervisor owns the current one; all others
    have copies.

    `temperature` has `bed`, `tool0`, … `file` is the name the printer has loaded; `completion`, `print_time`,
    `print_time_left` are of the
    current or, when idle, the last print, None where unknown. `estimated_print_time` is the printer's own estimate
    for the whole print.
    `error` is the printer's own reason when status is `error` or `offline`. `stale`: it should have been heard of
    since, and hasn't; only the supervisor says so.
    """

    status: PrinterStatus
    text: str
    temperature: dict[str, Temperature] = {}
    file: str | None = None
    completion: float | None = None
    print_time: float | None = None
    print_time_left: float | None = None
    estimated_print_time: float | None = None
    filament: dict[str, FilamentUse] | None = None
    error: str | None = None
    observed_at: float = 0.0
    stale: bool = False


class StateFlags(msgspec.Struct, frozen=True, rename="camel"):
    """OctoPrint's flags, which FluxStudio's status card reads."""

    operational: bool
    printing: bool
    paused: bool
    pausing: bool
    resuming: bool
    cancelling: bool
    finishing: bool
    error: bool
    ready: bool
    closed_or_error: bool


class StateView(msgspec.Struct, frozen=True):
    """`text` for people, `flags` for programs."""

    text: str
    flags: StateFlags


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /status`. `age`: seconds since the printer was seen in this state; `stale`: it is overdue to answer, and not
    given up yet."""

    state: StateView
    temperature: dict[str, Temperature]
    printer: str
    age: float
    stale: bool = False
    error: str | None = None


class JobFile(msgspec.Struct, frozen=True):
    """The file of the current job; `name` is None when nothing is loaded."""

    name: str | None = None


class JobInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The printer's current job."""

    file: JobFile
    estimated_print_time: float | None = msgspec.field(name="estimatedPrintTime", default=None)
    filament: dict[str, FilamentUse] | None = None


class JobProgress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How far the current job is."""

    completion: float | None = None
    print_time: float | None = None
    print_time_left: float | None = None


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /job`. `state` is the printer's state as text."""

    job: JobInfo
    progress: JobProgress
    state: str


CameraSource = Literal["mjpeg", "snapshots", "drawn"]


class CameraView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`GET /camera`. `available`: whether pictures come, None while nobody has watched; `fps`: pictures a second over
    the last 5 s; `last_frame_age`: seconds since the last one; `error`: why there are none."""

    available: bool | None
    source: CameraSource
    viewers: int
    fps: float
    last_frame_age: float | None = None
    error: str | None = None
