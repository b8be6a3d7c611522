"""What the audit trail is told of a job or a printer: enough to find it again, and no more."""

from __future__ import annotations

from fluxgate.plugin import AuditNotes, Principal
from fluxgate_printing.queue.lane import PrinterLane
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.service import PrintingService

__all__ = ["commanded", "note_job", "note_printer"]


def note_job(audit: AuditNotes, job: JobRecord) -> None:
    """Note which job it was, of which file and project, and on which printer."""
    audit.note(
        target=f"job:{job.id}",
        file=job.file_name,
        queue_id=job.fluxprint_queue_id,
        project=None if job.project_id is None else str(job.project_id),
        printer=job.printer_name,
    )


def note_printer(audit: AuditNotes, name: str) -> None:
    """Note which printer it was."""
    audit.note(target=f"printer:{name}")


async def commanded(
    service: PrintingService,
    audit: AuditNotes,
    principal: Principal,
    printer: str | None = None,
    *,
    stopping: bool = False,
) -> PrinterLane:
    """The lane of a printer that the caller may command, by default the default one, noted. Raises as
    `PrintingService.command`."""
    lane = await service.command(principal, printer, stopping=stopping)
    note_printer(audit, lane.name)
    return lane
