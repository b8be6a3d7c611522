"""Print jobs as the database has them, whichever backend printed them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from litestar import Response, get, patch, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from fluxgate.errors import UnprocessableError
from fluxgate.plugin import AuditNotes, Principal
from fluxgate_printing.access import OPERATE, VIEW
from fluxgate_printing.api import docs
from fluxgate_printing.api.job_schemas import JobItem, JobLink, JobSync, job_item
from fluxgate_printing.api.noting import note_job
from fluxgate_printing.api.schemas import StatusChange
from fluxgate_printing.ledger import JobLedger
from fluxgate_printing.queue.history import COUNTED, COUNTED_NAMES, HistoryFilter
from fluxgate_printing.queue.states import FinalStatus

TOTAL = "X-Total-Count"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

Limit = Annotated[int, QueryParameter(ge=1, le=500, description="How many at most.")]
Offset = Annotated[int, QueryParameter(ge=0, le=1_000_000, description="How many to pass over.")]
ProjectId = Annotated[str | None, QueryParameter(max_length=255, description="A project's UUID or external id.")]
Status = Annotated[FinalStatus | None, QueryParameter(description="How they ended.")]
Printer = Annotated[str | None, QueryParameter(max_length=100, description="Where they were printed.")]
Material = Annotated[str | None, QueryParameter(max_length=50, description="Of which material.")]
Search = Annotated[str | None, QueryParameter(max_length=255, description="A part of the file's name.")]
From = Annotated[
    str | None,
    QueryParameter(name="from", max_length=40, description="Ended then or later: a day (UTC), or an RFC 3339 time."),
]
To = Annotated[
    str | None,
    QueryParameter(name="to", max_length=40, description="Ended before then; a day (UTC) is counted to its end."),
]


@get("/jobs/active", summary="Jobs that wait or print", policy=VIEW)
async def active(ledger: NamedDependency[JobLedger], principal: NamedDependency[Principal]) -> list[JobItem]:
    """What prints, then what waits, in order."""
    return [job_item(entry) for entry in await ledger.active(principal)]


@get(
    ["/jobs/history", "/jobs/history/filter"],
    summary="Jobs that ended",
    policy=VIEW,
    response_headers=[
        ResponseHeader(
            name=TOTAL,
            documentation_only=True,
            description=f"How many jobs there are, counted as far as {COUNTED}; {COUNTED_NAMES} with `search`.",
        )
    ],
)
async def history(
    *,
    ledger: NamedDependency[JobLedger],
    principal: NamedDependency[Principal],
    limit: Limit = 20,
    offset: Offset = 0,
    project_id: ProjectId = None,
    status: Status = None,
    printer: Printer = None,
    material: Material = None,
    since: From = None,
    until: To = None,
    search: Search = None,
) -> Response[list[JobItem]]:
    """Latest first."""
    wanted = HistoryFilter(
        project=await ledger.callers.project(project_id, principal, to_print=False),
        status=status,
        printer=_storable(printer, "printer"),
        material=_storable(material, "material"),
        since=_moment(since, "from"),
        until=_moment(until, "to", end_of_day=True),
        search=_storable(search, "search"),
    )
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


def _moment(text: str | None, field: str, *, end_of_day: bool = False) -> datetime | None:
    """A day or a time as it stands in a query, where a bare `+` may have become a space."""
    if text is None:
        return None
    try:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text) + timedelta(days=end_of_day)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = datetime.fromisoformat(re.sub(r" (?=\d\d:?\d\d$)", "+", text) if "T" in text else text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnprocessableError(
            f"{field!r} is a day like 2026-01-31 or a time like 2026-01-31T12:00:00Z.",
            code="INVALID_PARAMETER",
            field=field,
        ) from None


def _storable(text: str | None, field: str) -> str | None:
    """The text, if a name in the database can have it."""
    if text is not None and "\0" in text:
        raise UnprocessableError(f"{field!r} has a character that no name has.", code="INVALID_PARAMETER", field=field)
    return text or None
