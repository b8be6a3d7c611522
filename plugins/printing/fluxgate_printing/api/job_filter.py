"""What the queries of lists and statistics of jobs mean."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from litestar.di import NamedDependency
from litestar.params import QueryParameter

from fluxgate.errors import UnprocessableError
from fluxgate.plugin import Principal
from fluxgate_printing.ledger import JobLedger
from fluxgate_printing.queue.history import HistoryFilter
from fluxgate_printing.queue.states import FinalStatus

__all__ = ["job_filter"]

_DAY = re.compile(r"\d{4}-\d\d-\d\d")

ProjectId = Annotated[str | None, QueryParameter(max_length=255, description="A project's UUID or external id.")]
Status = Annotated[FinalStatus | None, QueryParameter(description="How they ended.")]
Printer = Annotated[str | None, QueryParameter(max_length=100, description="Where they were printed.")]
Material = Annotated[str | None, QueryParameter(max_length=50, description="Of which material.")]
Search = Annotated[str | None, QueryParameter(max_length=255, description="A part of the file's name.")]
From = Annotated[
    str | None,
    QueryParameter(name="from", max_length=40, description="Ended then or later: a day, or an RFC 3339 time."),
]
To = Annotated[
    str | None,
    QueryParameter(name="to", max_length=40, description="Ended before then; a day is counted to its end."),
]


Zone = Annotated[
    str | None,
    QueryParameter(
        name="tz", max_length=64, description="Whose days are meant: a time zone such as `Europe/Berlin`; else UTC."
    ),
]


async def job_filter(
    *,
    ledger: NamedDependency[JobLedger],
    principal: NamedDependency[Principal],
    project_id: ProjectId = None,
    status: Status = None,
    printer: Printer = None,
    material: Material = None,
    since: From = None,
    until: To = None,
    search: Search = None,
    tz: Zone = None,
) -> HistoryFilter:
    """The jobs that are asked for; to be provided to a handler. UnprocessableError INVALID_PARAMETER, NotFoundError
    PROJECT_NOT_FOUND."""
    zone = _zone(tz)
    return HistoryFilter(
        project=await ledger.callers.project(project_id, principal, to_print=False),
        status=status,
        printer=_storable(printer, "printer"),
        material=_storable(material, "material"),
        since=_moment(since, "from", zone),
        until=_moment(until, "to", zone, end_of_day=True),
        search=_storable(search, "search"),
        zone=zone,
    )


def _zone(name: str | None) -> tzinfo:
    if name is None or name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnprocessableError(
            "'tz' is a time zone like Europe/Berlin.", code="INVALID_PARAMETER", field="tz"
        ) from None


def _moment(text: str | None, field: str, zone: tzinfo, *, end_of_day: bool = False) -> datetime | None:
    """A day or a time as it stands in a query, where a bare `+` may have become a space."""
    if text is None:
        return None
    try:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text) + timedelta(days=end_of_day)
            return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
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
