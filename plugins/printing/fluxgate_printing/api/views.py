"""From what the service knows to what the API says."""

from __future__ import annotations

from collections.abc import Container, Iterable
from uuid import UUID

import msgspec

from fluxgate_printing.api.schemas import FileItem, GcodeAnalysis, QueueItem, QueueView
from fluxgate_printing.files.catalog import FileRecord
from fluxgate_printing.files.gcode_metadata import GcodeMetadata
from fluxgate_printing.models import (
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
from fluxgate_printing.queue.records import JobRecord

NEVER_SEEN = -1.0


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
        error=state.error,
    )


def job_view(state: PrinterState) -> JobView:
    """`GET /job`."""
    return JobView(
        job=JobInfo(
            file=JobFile(name=state.file),
            estimated_print_time=state.estimated_print_time,
            filament=state.filament,
        ),
        progress=JobProgress(
            completion=state.completion, print_time=state.print_time, print_time_left=state.print_time_left
        ),
        state=state.text,
    )


def queue_view(active: Iterable[JobRecord], counts: dict[str, int], waits_for: str, seen: Container[UUID]) -> QueueView:
    """`GET /queue`. `waits_for`: why the default printer takes no job now; `seen`: the jobs that are shown."""
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
                detail=job.state_detail or (waits_for if job.status == "queued" else None),
            )
        )
    return QueueView(
        items=items,
        total_jobs=sum(counts.values()),
        completed_jobs=counts.get("completed", 0),
        failed_jobs=counts.get("failed", 0),
    )


def file_item(file: FileRecord) -> FileItem:
    """One row of `GET /files`."""
    analysis = msgspec.convert(file.analysis or {}, GcodeMetadata, strict=False)
    return FileItem(
        name=file.name,
        display=file.name,
        path=file.name,
        size=file.size,
        date=int(file.created_at.timestamp()),
        hash=file.sha256,
        gcode_analysis=GcodeAnalysis(
            estimated_print_time=analysis.estimated_time,
            filament_length=analysis.filament_length,
            filament_weight=analysis.filament_weight,
            materials=analysis.materials,
            layer_height=analysis.layer_height,
            slicer=analysis.slicer,
        ),
    )
