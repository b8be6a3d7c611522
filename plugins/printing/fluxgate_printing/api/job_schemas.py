"""The JSON of jobs, projects' statistics and estimates. Seconds, g, percent, amounts in the settings' currency.

A job has its row's columns by their names, and again by those that FluxStudio's frontend reads.
"""
# ruff: noqa: N815 - the keys are FluxStudio's

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from fluxgate_printing.api.schemas import FileItem, Name, StatusChange
from fluxgate_printing.ledger import LedgerEntry
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.queue.statistics import Figures

Project = Annotated[str, msgspec.Meta(min_length=1, max_length=255, description="A project's UUID or external id.")]


class JobItem(JobRecord, frozen=True, kw_only=True):
    """A print job. `project_name`: for those who have to do with the project; `duration_seconds`: how long it printed,
    until now if it still does; `cost`: of a job that ended."""

    project_name: str | None
    duration_seconds: int | None
    cost: float | None
    projectId: UUID | None
    projectName: str | None
    fileId: UUID | None
    fileName: str
    queueId: int | None
    printerName: str | None
    queuedAt: datetime
    startedAt: datetime | None
    completedAt: datetime | None
    durationSeconds: int | None
    estimatedTime: int | None
    actualTime: int | None
    materialType: str | None
    materialColor: str | None
    materialUsed: float | None
    errorMessage: str | None


def job_item(entry: LedgerEntry) -> JobItem:
    """A job as the API shows it."""
    job = entry.job
    return JobItem(
        **msgspec.structs.asdict(job),
        project_name=entry.project,
        duration_seconds=entry.seconds,
        cost=entry.cost,
        projectId=job.project_id,
        projectName=entry.project,
        fileId=job.file_id,
        fileName=job.file_name,
        queueId=job.fluxprint_queue_id,
        printerName=job.printer_name,
        queuedAt=job.queued_at,
        startedAt=job.started_at,
        completedAt=job.completed_at,
        durationSeconds=entry.seconds,
        estimatedTime=job.estimated_time,
        actualTime=job.actual_time,
        materialType=job.material_type,
        materialColor=job.material_color,
        materialUsed=job.material_used,
        errorMessage=job.error_message,
    )


class JobSync(StatusChange, kw_only=True):
    """`POST /jobs/sync/{queueId}`: what the service that prints says of a job, by its number in the queue."""


class JobLink(msgspec.Struct, kw_only=True):
    """`POST /jobs/{id}/link`. `file_id`: of one of the plugin's files, for a job that is of none."""

    project_id: Project
    file_id: UUID | None = None


class FileLink(msgspec.Struct, kw_only=True):
    """`POST` and `DELETE /files/{name}/link`."""

    project_id: Project


class FileLinked(msgspec.Struct, kw_only=True):
    """What became of it. `linked`: whether the file is the project's now; `changed`: whether it wasn't before."""

    success: bool = True
    filename: str
    project_id: UUID
    linked: bool
    changed: bool
    message: str


class ProjectItem(msgspec.Struct, kw_only=True, rename="camel"):
    """A project that the caller has to do with. `external_id`: FluxStudio's own id."""

    id: UUID
    external_id: str | None
    title: str
    may_print: bool


class ProjectList(msgspec.Struct, kw_only=True):
    """`GET /projects`, by title."""

    projects: list[ProjectItem]


class ProjectFiles(msgspec.Struct, kw_only=True):
    """`GET /projects/{id}/files`."""

    project_id: UUID
    files: list[FileItem]


class Stats(msgspec.Struct, kw_only=True):
    """Jobs in numbers. `success_rate`: percent of the prints that ended by themselves, null while there is none;
    `average_print_time`: of those completed; grams and cost of all that was printed, also of what failed."""

    total_jobs: int
    queued_jobs: int
    printing_jobs: int
    completed_jobs: int
    failed_jobs: int
    canceled_jobs: int
    success_rate: float | None
    total_print_time: int
    total_print_hours: float
    average_print_time: float | None
    total_material_used: float
    material_cost: float
    machine_cost: float
    total_cost: float


class ProjectStats(Stats, kw_only=True):
    """`GET /projects/{id}/stats`. `message` when there is nothing to count."""

    project_id: UUID
    currency: str
    last_job_at: datetime | None
    message: str | msgspec.UnsetType = msgspec.UNSET


class NamedStats(Stats, kw_only=True):
    """The same of one material, printer or month (`2026-01`, UTC, of the end); null: not known."""

    name: str | None


class DetailedStats(ProjectStats, kw_only=True):
    """`GET /projects/{id}/stats/detailed`. Months in order, the rest by the number of jobs."""

    by_material: list[NamedStats]
    by_printer: list[NamedStats]
    by_month: list[NamedStats]


def stats_fields(sums: Figures, material_cost: float, machine_cost: float) -> dict[str, int | float | None]:
    """The fields of `Stats`."""
    return {
        "total_jobs": sums.total,
        "queued_jobs": sums.queued,
        "printing_jobs": sums.printing,
        "completed_jobs": sums.completed,
        "failed_jobs": sums.failed,
        "canceled_jobs": sums.canceled,
        "success_rate": sums.success_rate,
        "total_print_time": sums.seconds,
        "total_print_hours": round(sums.seconds / 3600, 2),
        "average_print_time": sums.average_seconds,
        "total_material_used": sums.grams,
        "material_cost": round(material_cost, 2),
        "machine_cost": round(machine_cost, 2),
        "total_cost": round(material_cost + machine_cost, 2),
    }


STANDARD_MATERIALS = ("PLA", "PETG", "ABS", "TPU", "NYLON")
Material = Annotated[str, msgspec.Meta(min_length=1, max_length=50, description="One of `GET /options`.")]
Quality = Literal["draft", "standard", "high", "ultra"]
Copies = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class PrintConfig(msgspec.Struct, kw_only=True):
    """How it is to be printed. `infill` in percent; 0 is 0. What a sliced file has settled already (quality, supports,
    infill) is kept with the job and changes nothing."""

    material: Material | None = None
    quality: Quality = "standard"
    copies: Copies = 1
    supports: bool = False
    infill: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    notes: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None


class QuickPrint(msgspec.Struct, kw_only=True):
    """`POST /quick-print`. `print`: start at once if the printer is free; else it waits in the queue."""

    filename: Name
    projectId: Project | None = None
    config: PrintConfig = msgspec.field(default_factory=PrintConfig)
    print: bool = False


class EstimateRequest(msgspec.Struct, kw_only=True):
    """`POST /estimate`. `printer`: whose prints so far correct the slicer's time; by default the default printer."""

    filename: Name
    material: Material | None = None
    quality: Quality = "standard"
    copies: Copies = 1
    printer: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class TimeRange(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds between which most prints end."""

    low: int
    high: int


class Estimate(msgspec.Struct, kw_only=True, rename="camel"):
    """Of all copies. `timeHours` and `timeMinutes` together are the time: 2 and 35 are 2 h 35 min. `confidence`: `high`
    from what the file says itself, `low` when guessed; `basis` says in words. `slicedSeconds`: the slicer's own time;
    `correction`: what it was multiplied with, from `correctedBy` prints of the printer."""

    time_hours: int
    time_minutes: int
    time_seconds: int
    range: TimeRange
    material: str | None
    material_grams: float
    material_cost: float
    machine_cost: float
    total_cost: float
    currency: str
    confidence: Literal["high", "low"]
    basis: str
    sliced_seconds: int | None
    correction: float
    corrected_by: int
    printer: str


class QuickPrinted(msgspec.Struct, kw_only=True, rename="camel"):
    """What became of it. `waiting`: why it doesn't start, if that was asked for. With FluxPrint a job has no id while
    the database is away, and no estimate if FluxPrint makes none."""

    success: bool = True
    job_id: str | None
    queue_id: int | None
    started: bool = False
    waiting: str | None = None
    estimate: Estimate | None
