"""What the audit trail is told of a job: enough to find it again, and no more."""

from __future__ import annotations

from fluxgate.plugin import AuditNotes
from fluxgate_printing.queue.records import JobRecord

__all__ = ["note_job"]


def note_job(audit: AuditNotes, job: JobRecord) -> None:
    """Note which job it was, of which file and project, and on which printer."""
    audit.note(
        target=f"job:{job.id}",
        file=job.file_name,
        queue_id=job.fluxprint_queue_id,
        project=None if job.project_id is None else str(job.project_id),
        printer=job.printer_name,
    )
