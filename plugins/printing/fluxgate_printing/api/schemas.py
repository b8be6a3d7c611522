"""The JSON of the native backend's requests and answers, in FluxPrint's shapes as FluxStudio's frontend reads them.

Sizes are bytes, times seconds, `date` and the `…At` fields Unix time or RFC 3339 as said. Numbers are numbers.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from fluxgate_printing.models import BuildVolume, Temperature
from fluxgate_printing.printers.base import Axis
from fluxgate_printing.queue.matching import ReasonCode
from fluxgate_printing.queue.requirements import Requirements

MAX_SIDE = 10_000

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
PrinterName = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class QueueAdd(msgspec.Struct, kw_only=True):
    """`POST /queue`. `print`: start at once if the printer is free; the job waits in the queue otherwise. `copies`: so
    many prints, each a job of its own. `on_hold`: it waits until it is released. `printer`: the only one that it is
    for; `requirements`: what its printer has to be."""

    filename: Name
    print: bool = False
    priority: Annotated[int, msgspec.Meta(ge=-100, le=100)] = 0
    project_id: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    material_type: Annotated[str, msgspec.Meta(max_length=50)] | None = None
    material_color: Annotated[str, msgspec.Meta(max_length=50)] | None = None
    print_settings: dict[str, Any] = {}
    notes: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None
    copies: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    on_hold: bool = False
    printer: PrinterName | None = None
    requirements: Requirements | None = None


class QueueAdded(msgspec.Struct, kw_only=True):
    """What became of it. `started`: it goes to the printer now; `waiting`: why it doesn't, if that was asked for.
    `queue_ids`: of all copies, this one first."""

    success: bool = True
    queue_id: int
    id: int
    job_id: str
    filename: str
    position: int
    status: str
    started: bool
    waiting: str | None = None
    queue_ids: list[int] = []


class QueueItem(msgspec.Struct, kw_only=True, rename="camel"):
    """One job that waits or prints. `position` counts from 1 among those that wait; the one that prints has 0.

    `detail`: why it waits, or what isn't known of it.
    """

    id: int
    job_id: str
    filename: str
    position: int
    status: str
    added_at: datetime
    priority: int
    progress: float
    estimated_time: int | None = None
    printer: str | None = None
    outcome_unknown: bool = False
    detail: str | None = None
    on_hold: bool = False
    copies: int = 1
    copy_number: int = 1
    target_printer: str | None = None
    requirements: Requirements | None = None


class QueueView(msgspec.Struct, kw_only=True, rename="camel"):
    """`GET /queue`. The numbers count every job there ever was a row of. `paused`: nothing starts by itself."""

    items: list[QueueItem]
    total_jobs: int
    completed_jobs: int
    failed_jobs: int
    paused: bool = False


class QueueChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`PATCH /queue/{id}`; what isn't named stays, null takes a printer or requirements away."""

    priority: Annotated[int, msgspec.Meta(ge=-100, le=100)] | msgspec.UnsetType = msgspec.UNSET
    printer: PrinterName | msgspec.UnsetType | None = msgspec.UNSET
    requirements: Requirements | msgspec.UnsetType | None = msgspec.UNSET


class Hold(msgspec.Struct, kw_only=True):
    """`POST /queue/{id}/hold`; the body may be left out."""

    reason: Annotated[str, msgspec.Meta(max_length=1000)] | None = None


class WaitingOn(msgspec.Struct):
    """Why one printer doesn't print a job now: `code` for programs, `message` for people; null: it goes there next."""

    printer: str
    code: ReasonCode | None = None
    message: str | None = None


class Waiting(msgspec.Struct, kw_only=True, rename="camel"):
    """`GET /queue/{id}/waiting`. `summary`: the reason that is nearest to being none."""

    id: int
    job_id: str
    status: str
    summary: str | None
    printers: list[WaitingOn]


class Position(msgspec.Struct):
    """A job and where it is to stand, from 1."""

    id: int
    position: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class Reorder(msgspec.Struct):
    """`PUT /queue/reorder`."""

    items: Annotated[list[Position], msgspec.Meta(min_length=1, max_length=10_000)]


class StartJob(msgspec.Struct, kw_only=True):
    """`POST /queue/{id}/start`; the body may be left out. `printer`: its name, by default the default printer."""

    printer: str | None = None


class Done(msgspec.Struct, kw_only=True):
    """A command was carried out."""

    success: bool = True
    message: str
    count: int | msgspec.UnsetType = msgspec.UNSET


class GcodeAnalysis(msgspec.Struct, kw_only=True, rename="camel"):
    """What the slicer wrote into the file."""

    estimated_print_time: float | None = None
    filament_length: float | None = None
    filament_weight: float | None = None
    materials: tuple[str, ...] = ()
    layer_height: float | None = None
    slicer: str | None = None


class FileMetadata(msgspec.Struct, kw_only=True, rename="camel"):
    """What a list of files shows of each: seconds, grams, the `materials` of its tools in one text (`PLA, PETG`), and
    where a picture of it is. `analysed`: whether the file has been read; until then the rest is null."""

    analysed: bool
    estimated_time: float | None = None
    filament_grams: float | None = None
    material: str | None = None
    slicer: str | None = None
    layers: int | None = None
    layer_height: float | None = None
    printer_model: str | None = None
    thumbnail: str | None = None


class FileItem(msgspec.Struct, kw_only=True, rename="camel"):
    """One file. `date` is Unix time."""

    name: str
    display: str
    path: str
    origin: Literal["local"] = "local"
    size: int
    date: int
    hash: str
    gcode_analysis: GcodeAnalysis
    metadata: FileMetadata


class ToolItem(msgspec.Struct, kw_only=True, rename="camel"):
    """One tool's part: filament in mm, cm³ and g, its material, its nozzle's diameter in mm."""

    length: float | None
    volume: float | None
    weight: float | None
    material: str | None
    nozzle_diameter: float | None


class ThumbnailItem(msgspec.Struct, kw_only=True):
    """A picture in the file. `url`: where it is; null for what browsers don't show (QOI)."""

    format: Literal["png", "jpeg", "qoi"]
    width: int
    height: int
    url: str | None


class BoxItem(msgspec.Struct, kw_only=True):
    """Two corners and the size between them, in mm."""

    min: tuple[float, float, float]
    max: tuple[float, float, float]
    size: tuple[float, float, float]


class FileDetails(FileMetadata, kw_only=True, rename="camel"):
    """All that the file says of itself. mm, cm³, g, °C."""

    slicer_version: str | None
    filament_length: float | None
    filament_volume: float | None
    tools: list[ToolItem]
    first_layer_height: float | None
    height: float | None
    bounding_box: BoxItem | None
    nozzle_diameter: float | None
    nozzle_temperature: float | None
    bed_temperature: float | None
    thumbnails: list[ThumbnailItem]


class FileView(msgspec.Struct, kw_only=True, rename="camel"):
    """`GET /files/{name}`: as in the list, with all that is known. `uploadedBy`: the caller who did; `download`: where
    the content is."""

    name: str
    display: str
    path: str
    origin: Literal["local"] = "local"
    size: int
    date: int
    hash: str
    gcode_analysis: GcodeAnalysis
    metadata: FileDetails
    uploaded_by: str | None
    project_id: str | None
    download: str


class QuotaView(msgspec.Struct, kw_only=True):
    """The caller's own quota, in bytes."""

    used: int
    limit: int


class FilesView(msgspec.Struct, kw_only=True):
    """`GET /files`. `count`: how many files there are without `limit` and `offset`. `free`: what the caller may still
    upload, `used`: what all files take. `free` and `total` are capped below 1 TiB: FluxStudio's formatter has no larger
    unit."""

    files: list[FileItem]
    count: int
    free: int
    total: int
    used: int
    quota: QuotaView | None = None


class FileDeleted(msgspec.Struct, kw_only=True, rename="camel"):
    """`count`: 0 if the file wasn't there; `canceledJobs`: how many were taken out of the queue for it."""

    success: bool = True
    message: str
    count: int
    canceled_jobs: int = 0


class UploadedItem(msgspec.Struct, kw_only=True):
    """One uploaded file; `queue_id` if it was put in the queue."""

    done: bool = True
    name: str
    path: str
    size: int
    hash: str
    queue_id: int | msgspec.UnsetType = msgspec.UNSET


class UploadView(msgspec.Struct, kw_only=True):
    """`POST /files/upload`."""

    files: dict[str, UploadedItem]
    done: bool = True
    success: bool = True


class StreamQuery(msgspec.Struct, kw_only=True):
    """`GET /camera/stream`. `fps`: the most pictures a second; by default all that the camera gives."""

    fps: Annotated[float, msgspec.Meta(ge=1, le=30)] | None = None


class SnapshotQuery(msgspec.Struct, kw_only=True):
    """`GET /camera/snapshot`. `base64`: the picture as text."""

    format: Literal["jpeg", "base64"] = "jpeg"


class ThumbnailQuery(msgspec.Struct, kw_only=True):
    """`GET /files/{name}/thumbnail`. `size`: pixels that the longer side may have."""

    size: Annotated[int, msgspec.Meta(ge=1, le=MAX_SIDE)] | msgspec.UnsetType = msgspec.UNSET


class StatusChange(msgspec.Struct, kw_only=True):
    """`PATCH /jobs/{id}/status`: what a person, or the service that prints, says became of a job."""

    status: Literal["queued", "printing", "completed", "failed", "canceled"]
    progress: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    error_message: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None


class BedView(msgspec.Struct, kw_only=True, rename="camel"):
    """Whether somebody may take the bed for clear. `reason`: `completed`, `failed`, `canceled`, `unattended` (a print
    that wasn't started from here); null: it is clear. `gate`: whether it keeps jobs from being started."""

    clear: bool
    gate: bool
    reason: str | None = None
    job_id: str | None = None
    since: datetime | None = None
    cleared_by: str | None = None
    cleared_at: datetime | None = None


class MaterialView(msgspec.Struct, kw_only=True):
    """The spool that is loaded, as somebody said; `grams`: what is left of it."""

    type: Annotated[str, msgspec.Meta(max_length=50)] | None = None
    color: Annotated[str, msgspec.Meta(max_length=50)] | None = None
    grams: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] | None = None


class HeatBounds(msgspec.Struct, frozen=True, kw_only=True):
    """The highest temperatures that may be set, in °C."""

    hotend: float
    bed: float


class PrinterView(msgspec.Struct, kw_only=True, rename="camel"):
    """One printer. `status` and `text`: what it was last seen doing, at `observedAt` (Unix time), `age` seconds ago
    (-1: never); `stale`: it is overdue to answer, and not given up yet; `job`: the number of the job that it has, where
    the caller may see it; `auto_start`: whether it takes jobs by itself; `used_seconds`: spent printing;
    `allowed_gcode`: the commands that a printing admin may send it."""

    name: str
    driver: str
    status: str
    text: str
    observed_at: float
    stale: bool
    error: str | None
    temperature: dict[str, Temperature]
    job: int | None
    progress: float | None
    time_left: float | None
    outcome_unknown: bool
    capabilities: list[str]
    model: str | None
    groups: list[str]
    nozzle: float | None
    materials: list[str]
    build_volume: BuildVolume | None
    bounds: HeatBounds
    allowed_gcode: list[str]
    auto_start: bool
    bed: BedView
    material: MaterialView
    used_seconds: int
    default: bool | msgspec.UnsetType = msgspec.UNSET
    age: float | msgspec.UnsetType = msgspec.UNSET


class PrinterList(msgspec.Struct, kw_only=True):
    """`GET /printers`."""

    printers: list[PrinterView]


class PrinterChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`PATCH /printers/{printer}`. `auto_start`: null is as configured."""

    auto_start: bool | None = msgspec.field(name="autoStart")


class EventsQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`GET /events`. `topics`: of `printers`, `jobs`, `queue`, and `printers`: by name, are lists with commas;
    `project`: jobs of this one alone, by its UUID or external id."""

    topics: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    printers: Annotated[str, msgspec.Meta(max_length=4000)] | None = None
    project: Annotated[str, msgspec.Meta(max_length=255)] | None = None


Celsius = Annotated[float, msgspec.Meta(ge=0, le=1000)]
Millimetres = Annotated[float, msgspec.Meta(ge=-1000, le=1000)]


class Target(msgspec.Struct, kw_only=True):
    """`POST /temperature/hotend`, `/temperature/bed`: °C, 0 is off."""

    target: Celsius


class Heat(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`POST /printers/{printer}/temperature`. `heater`: `bed`, `tool0`, `tool1`, …; `target` in °C, 0 is off."""

    heater: Annotated[str, msgspec.Meta(max_length=10, examples=["tool0"])]
    target: Celsius


class Home(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`POST /printers/{printer}/home`."""

    axes: Annotated[tuple[Axis, ...], msgspec.Meta(min_length=1, max_length=3)] = ("x", "y", "z")


class Jog(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`POST /printers/{printer}/jog`: mm, and mm/min."""

    x: Millimetres = 0.0
    y: Millimetres = 0.0
    z: Millimetres = 0.0
    speed: Annotated[float, msgspec.Meta(gt=0, le=30_000)] | None = None

    @property
    def moves(self) -> dict[Axis, float]:
        """What isn't 0."""
        moves: dict[Axis, float] = {"x": self.x, "y": self.y, "z": self.z}
        return {axis: distance for axis, distance in moves.items() if distance}


class Gcode(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`POST /printers/{printer}/gcode`: one command each."""

    commands: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=256)]],
        msgspec.Meta(min_length=1, max_length=20, examples=[["M117 Hello"]]),
    ]
