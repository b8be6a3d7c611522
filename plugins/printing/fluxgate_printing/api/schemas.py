"""The JSON of the native backend's requests and answers, in FluxPrint's shapes as FluxStudio's frontend reads them.

Sizes are bytes, times seconds, `date` and the `…At` fields Unix time or RFC 3339 as said. Numbers are numbers.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class QueueAdd(msgspec.Struct, kw_only=True):
    """`POST /queue`. `print`: start at once if the printer is free; the job waits in the queue otherwise."""

    filename: Name
    print: bool = False
    priority: Annotated[int, msgspec.Meta(ge=-100, le=100)] = 0
    project_id: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    material_type: Annotated[str, msgspec.Meta(max_length=50)] | None = None
    material_color: Annotated[str, msgspec.Meta(max_length=50)] | None = None
    print_settings: dict[str, Any] = {}
    notes: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None


class QueueAdded(msgspec.Struct, kw_only=True):
    """What became of it. `started`: it goes to the printer now; `waiting`: why it doesn't, if that was asked for."""

    success: bool = True
    queue_id: int
    id: int
    job_id: str
    filename: str
    position: int
    status: str
    started: bool
    waiting: str | None = None


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


class QueueView(msgspec.Struct, kw_only=True, rename="camel"):
    """`GET /queue`. The numbers count every job there ever was a row of."""

    items: list[QueueItem]
    total_jobs: int
    completed_jobs: int
    failed_jobs: int


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


class FilesView(msgspec.Struct, kw_only=True):
    """`GET /files`. `free` and `total` are capped below 1 TiB: FluxStudio's formatter has no larger unit."""

    files: list[FileItem]
    free: int
    total: int


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


class StatusChange(msgspec.Struct, kw_only=True):
    """`PATCH /jobs/{id}/status`: what a person, or the service that prints, says became of a job."""

    status: Literal["queued", "printing", "completed", "failed", "canceled"]
    progress: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    error_message: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None
