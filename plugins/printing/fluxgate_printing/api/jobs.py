"""Print jobs as the database has them, whichever backend printed them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import get, patch
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from fluxgate.plugin import AuditNotes, Principal
from fluxgate_printing.access import OPERATE, VIEW
from fluxgate_printing.api import docs
from fluxgate_printing.api.noting import note_job
from fluxgate_printing.api.schemas import StatusChange
from fluxgate_printing.callers import Callers
from fluxgate_printing.queue.reading import JobReader
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.service import PrintingService

Limit = Annotated[int, QueryParameter(ge=1, le=500, description="How many at most.")]
Offset = Annotated[int, QueryParameter(ge=0, le=1_000_000, description="How many to pass over.")]
ProjectId = Annotated[str | None, QueryParameter(max_length=255, description="A project's UUID or external id.")]


@get("/jobs/active", summary="Jobs that wait or print", policy=VIEW)
async def active(
    jobs: NamedDependency[JobReader], callers: NamedDependency[Callers], principal: NamedDependency[Principal]
) -> list[JobRecord]:
    """What prints, then what waits, in order."""
    return await jobs.active(callers.sees(principal))


@get("/jobs/history", summary="Jobs that ended", policy=VIEW)
async def history(
    *,
    jobs: NamedDependency[JobReader],
    callers: NamedDependency[Callers],
    principal: NamedDependency[Principal],
    limit: Limit = 20,
    offset: Offset = 0,
    project_id: ProjectId = None,
) -> list[JobRecord]:
    """Latest first."""
    project = await callers.project(project_id, principal, to_print=False)
    return await jobs.history(limit, offset, project, callers.sees(principal))


@get("/jobs/{job_id:uuid}", summary="One job", policy=VIEW)
async def one(
    job_id: FromPath[UUID],
    jobs: NamedDependency[JobReader],
    callers: NamedDependency[Callers],
    principal: NamedDependency[Principal],
) -> JobRecord:
    """Every column of its row."""
    return await jobs.get(job_id, callers.sees(principal))


@patch(
    "/jobs/{job_id:uuid}/status",
    summary="Settle a job by hand",
    policy=OPERATE,
    action="printing.job.settle",
    doc=docs.STATUS_CHANGE,
)
async def change_status(
    job_id: FromPath[UUID],
    data: JSONBody[StatusChange],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> JobRecord:
    """409 for a change that the state machine doesn't allow."""
    job = await service.change_status(job_id, principal, data.status, data.progress, data.error_message)
    note_job(audit, job)
    audit.note(status=job.status)
    return job
