"""Print jobs as the database has them, whichever backend printed them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Response, get, patch, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter

from fluxgate.plugin import AuditNotes, Principal
from fluxgate_printing.access import OPERATE, VIEW
from fluxgate_printing.api import docs
from fluxgate_printing.api.job_filter import job_filter
from fluxgate_printing.api.job_schemas import JobItem, JobLink, JobSync, job_item
from fluxgate_printing.api.noting import note_job
from fluxgate_printing.api.schemas import StatusChange
from fluxgate_printing.ledger import JobLedger
from fluxgate_printing.queue.history import COUNTED, COUNTED_NAMES, HistoryFilter

TOTAL = "X-Total-Count"

Limit = Annotated[int, QueryParameter(ge=1, le=500, description="How many at most.")]
Offset = Annotated[int, QueryParameter(ge=0, le=1_000_000, description="How many to pass over.")]


@get("/jobs/active", summary="Jobs that wait or print", policy=VIEW)
async def active(ledger: NamedDependency[JobLedger], principal: NamedDependency[Principal]) -> list[JobItem]:
    """What prints, then what waits, in order."""
    return [job_item(entry) for entry in await ledger.active(principal)]


@get(
    ["/jobs/history", "/jobs/history/filter"],
    summary="Jobs that ended",
    policy=VIEW,
    dependencies={"wanted": Provide(job_filter)},
    response_headers=[
        ResponseHeader(
            name=TOTAL,
            documentation_only=True,
            description=f"How many jobs there are, counted as far as {COUNTED}; {COUNTED_NAMES} with `search`.",
        )
    ],
)
async def history(
    ledger: NamedDependency[JobLedger],
    principal: NamedDependency[Principal],
    wanted: NamedDependency[HistoryFilter],
    limit: Limit = 20,
    offset: Offset = 0,
) -> Response[list[JobItem]]:
    """Latest first."""
    entries, total = await ledger.history(wanted, limit, offset, principal)
    return Response([job_item(entry) for entry in entries], headers={TOTAL: str(total)})


@get("/jobs/{job_id:uuid}", summary="One job", policy=VIEW)
async def one(
    job_id: FromPath[UUID], ledger: NamedDependency[JobLedger], principal: NamedDependency[Principal]
) -> JobItem:
    """Every column of its row."""
    return job_item(await ledger.job(job_id, principal))


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
    ledger: NamedDependency[JobLedger],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> JobItem:
    """409 for a change that the state machine doesn't allow."""
    entry = await ledger.settle(job_id, principal, data.status, data.progress, data.error_message)
    note_job(audit, entry.job)
    audit.note(status=entry.job.status)
    return job_item(entry)


@post(
    "/jobs/sync/{queue_id:int}",
    status_code=200,
    summary="Settle a job by its number in the queue",
    policy=OPERATE,
    action="printing.job.sync",
    doc=docs.JOB_SYNC,
)
async def sync(
    queue_id: FromPath[int],
    data: JSONBody[JobSync],
    ledger: NamedDependency[JobLedger],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> JobItem:
    """Of several jobs with one number the newest that waits or prints is meant, and no other is touched. 404 if there
    is none, 409 for a change that the state machine doesn't allow."""
    entry = await ledger.sync(queue_id, principal, data.status, data.progress, data.error_message)
    note_job(audit, entry.job)
    audit.note(status=entry.job.status)
    return job_item(entry)


@post(
    "/jobs/{job_id:uuid}/link",
    status_code=200,
    summary="Link a job to a project",
    policy=OPERATE,
    action="printing.job.link",
    doc=docs.JOB_LINK,
)
async def link(
    job_id: FromPath[UUID],
    data: JSONBody[JobLink],
    ledger: NamedDependency[JobLedger],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> JobItem:
    """409 for a job of another project. Again the same does no harm."""
    entry = await ledger.link(job_id, principal, data.project_id, data.file_id)
    note_job(audit, entry.job)
    return job_item(entry)
