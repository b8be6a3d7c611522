"""From what the service knows to what the API says."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec

from fluxgate_printing.api.schemas import (
    BedView,
    BoxItem,
    FileDetails,
    FileItem,
    FileMetadata,
    FileView,
    GcodeAnalysis,
    HeatBounds,
    MaterialView,
    PrinterView,
    QueueItem,
    QueueView,
    ThumbnailItem,
    ToolItem,
)
from fluxgate_printing.files.analysis import FileAnalysis, Thumbnail
from fluxgate_printing.files.catalog import FileRecord
from fluxgate_printing.files.thumbnails import SHOWN, best_thumbnail
from fluxgate_printing.models import (
    ACTIVE_STATUSES,
    JobFile,
    JobInfo,
    JobProgress,
    JobView,
    PrinterState,
    StateFlags,
    StateView,
    StatusView,
)
from fluxgate_printing.printers.supervisor import age
from fluxgate_printing.queue.dispatch import Outlook, Station, takes_by_itself
from fluxgate_printing.queue.floor import PrinterRecord
from fluxgate_printing.queue.records import JobRecord

NEVER_SEEN = -1.0
ANOTHERS = "Somebody else's print"


def status_view(printer: str, state: PrinterState) -> StatusView:
    """`GET /status`."""
    status = state.status
    down = status in {"offline", "connecting", "error"}
    flags = StateFlags(
        operational=not down,
        printing=status in {"printing", "pausing", "resuming", "cancelling", "finishing"},
        paused=status == "paused",
        pausing=status == "pausing",
        resuming=status == "resuming",
        cancelling=status == "cancelling",
        finishing=status == "finishing",
        error=status == "error",
        ready=status == "idle",
        closed_or_error=down,
    )
    seconds = age(state)
    return StatusView(
        state=StateView(text=state.text, flags=flags),
        temperature=state.temperature,
        printer=printer,
        age=NEVER_SEEN if seconds == float("inf") else round(seconds, 3),
        stale=state.stale,
        error=state.error,
    )


def job_view(state: PrinterState, *, shown: bool) -> JobView:
    """`GET /job`. Not `shown`: how far it is and how long it takes is everybody's business, what it is isn't."""
    hidden = ANOTHERS if state.status in ACTIVE_STATUSES else None
    return JobView(
        job=JobInfo(
            file=JobFile(name=state.file if shown else hidden),
            estimated_print_time=state.estimated_print_time,
            filament=state.filament if shown else None,
        ),
        progress=JobProgress(
            completion=state.completion, print_time=state.print_time, print_time_left=state.print_time_left
        ),
        state=state.text,
    )


def queue_view(
    active: Iterable[JobRecord], counts: dict[str, int], outlook: Outlook, seen: Container[UUID]
) -> QueueView:
    """`GET /queue`. `seen`: the jobs that are shown."""
    items: list[QueueItem] = []
    place = 0
    for job in active:
        place += job.status == "queued"
        if job.id not in seen:
            continue
        items.append(
            QueueItem(
                id=job.fluxprint_queue_id or 0,
                job_id=str(job.id),
                filename=job.file_name,
                position=place if job.status == "queued" else 0,
                status=job.status,
                added_at=job.queued_at,
                priority=job.priority,
                progress=job.progress,
                estimated_time=job.estimated_time,
                printer=job.printer_name,
                outcome_unknown=job.outcome_unknown,
                detail=job.state_detail or (outlook.summary(job.id) if job.status == "queued" else None),
                on_hold=job.on_hold,
                copies=job.copies,
                copy_number=job.copy_number,
                target_printer=job.target_printer,
                requirements=job.requirements,
            )
        )
    return QueueView(
        items=items,
        total_jobs=sum(counts.values()),
        completed_jobs=counts.get("completed", 0),
        failed_jobs=counts.get("failed", 0),
        paused=outlook.paused,
    )


def printer_view(
    station: Station, record: PrinterRecord, job: JobRecord | None, *, is_default: bool | None
) -> PrinterView:
    """One of `GET /printers`. `job`: what it prints, where the caller may know. Without `is_default` it is for whoever
    listens: nothing in it changes by itself."""
    lane, profile = station.lane, station.profile
    state = lane.supervisor.state
    seconds = age(state)
    return PrinterView(
        name=lane.name,
        driver=station.driver,
        default=msgspec.UNSET if is_default is None else is_default,
        status=state.status,
        text=state.text,
        observed_at=round(state.observed_at, 3),
        stale=state.stale,
        age=msgspec.UNSET if is_default is None else NEVER_SEEN if seconds == float("inf") else round(seconds, 3),
        error=state.error,
        temperature=state.temperature,
        job=None if job is None else job.fluxprint_queue_id,
        progress=state.completion,
        time_left=state.print_time_left,
        outcome_unknown=lane.is_held,
        capabilities=sorted(lane.supervisor.driver.capabilities),
        model=profile.model,
        groups=sorted(profile.groups),
        nozzle=profile.nozzle,
        materials=sorted(profile.materials),
        build_volume=profile.build_volume,
        bounds=HeatBounds(hotend=station.bounds.max_hotend, bed=station.bounds.max_bed),
        allowed_gcode=sorted(station.bounds.gcode),
        auto_start=takes_by_itself(station, record),
        bed=BedView(
            clear=record.bed is None,
            gate=lane.gated,
            reason=record.bed,
            job_id=None if record.bed_job_id is None else str(record.bed_job_id),
            since=record.bed_since,
            cleared_by=record.cleared_by,
            cleared_at=record.cleared_at,
        ),
        material=MaterialView(type=record.material_type, color=record.material_color, grams=record.material_grams),
        used_seconds=record.used_seconds,
    )


def file_item(file: FileRecord) -> FileItem:
    """One row of `GET /files`."""
    known = file.known
    return FileItem(
        name=file.name,
        display=file.name,
        path=file.name,
        size=file.size,
        date=int(file.created_at.timestamp()),
        hash=file.sha256,
        gcode_analysis=_gcode_analysis(known),
        metadata=FileMetadata(**_shown(file, known)),
    )


def file_view(file: FileRecord) -> FileView:
    """`GET /files/{name}`."""
    known = file.known
    box = known.bounding_box
    return FileView(
        name=file.name,
        display=file.name,
        path=file.name,
        size=file.size,
        date=int(file.created_at.timestamp()),
        hash=file.sha256,
        gcode_analysis=_gcode_analysis(known),
        metadata=FileDetails(
            **_shown(file, known),
            slicer_version=known.slicer_version,
            filament_length=known.filament_length,
            filament_volume=known.filament_volume,
            tools=[ToolItem(**msgspec.structs.asdict(tool)) for tool in known.tools],
            first_layer_height=known.first_layer_height,
            height=known.height,
            bounding_box=None if box is None else BoxItem(min=box.min, max=box.max, size=box.size),
            nozzle_diameter=known.nozzle_diameter,
            nozzle_temperature=known.nozzle_temperature,
            bed_temperature=known.bed_temperature,
            thumbnails=[
                ThumbnailItem(format=one.format, width=one.width, height=one.height, url=_picture(file, one))
                for one in known.thumbnails
            ],
        ),
        uploaded_by=file.uploaded_by,
        project_id=None if file.project_id is None else str(file.project_id),
        download=f"{_url(file)}/download",
    )


def _gcode_analysis(known: FileAnalysis) -> GcodeAnalysis:
    return GcodeAnalysis(
        estimated_print_time=known.estimated_time,
        filament_length=known.filament_length,
        filament_weight=known.filament_weight,
        materials=known.materials,
        layer_height=known.layer_height,
        slicer=known.slicer_text,
    )


def _shown(file: FileRecord, known: FileAnalysis) -> dict[str, Any]:
    """The members that a `FileMetadata` and `FileDetails` have in common."""
    best = best_thumbnail(known.thumbnails)
    return {
        "analysed": known.version > 0,
        "estimated_time": known.estimated_time,
        "filament_grams": known.filament_weight,
        "material": ", ".join(dict.fromkeys(name for name in known.materials if name)) or None,
        "slicer": known.slicer_text,
        "layers": known.layer_count,
        "layer_height": known.layer_height,
        "printer_model": known.printer_model,
        "thumbnail": None if best is None else _picture(file, best),
    }


def _picture(file: FileRecord, one: Thumbnail) -> str | None:
    """Where a picture is: asked for by its own size, as the best that isn't larger."""
    return f"{_url(file)}/thumbnail?size={max(one.width, one.height)}" if one.format in SHOWN else None


def _url(file: FileRecord) -> str:
    return f"/api/printing/files/{quote(file.name, safe='')}"
