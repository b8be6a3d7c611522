"""Projects: which there are, the files of one, and its prints in numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from fluxgate.plugin import AuditNotes, Principal
from fluxgate_printing.access import OPERATE, VIEW
from fluxgate_printing.api import docs
from fluxgate_printing.api.job_schemas import (
    DetailedStats,
    FileLink,
    FileLinked,
    NamedStats,
    ProjectFiles,
    ProjectItem,
    ProjectList,
    ProjectStats,
    stats_fields,
)
from fluxgate_printing.api.views import file_item
from fluxgate_printing.costs import Costs
from fluxgate_printing.ledger import JobLedger
from fluxgate_printing.queue.statistics import Part, figures
from fluxgate_printing.service import PrintingService

NOTHING_YET = "Nothing was printed for this project yet."


@get("/projects", summary="The caller's projects", policy=VIEW)
async def listed(
    ledger: NamedDependency[JobLedger],
    principal: NamedDependency[Principal],
    search: Annotated[str, QueryParameter(max_length=255, description="A part of the title.")] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=500, description="At most so many.")] = 100,
) -> ProjectList:
    """Those in which the caller is something, by title; for printing admins all."""
    found = [] if "\0" in search else await ledger.callers.projects(principal, search, limit)
    return ProjectList(
        projects=[
            ProjectItem(id=one.id, external_id=one.external_id, title=one.title, may_print=may_print)
            for one, may_print in found
        ]
    )


@get("/projects/{project_id:str}/stats", summary="A project's prints in numbers", policy=VIEW)
async def stats(
    project_id: FromPath[str], ledger: NamedDependency[JobLedger], principal: NamedDependency[Principal]
) -> ProjectStats:
    """Of the project's own jobs, that the caller sees. `message` when there are none."""
    found = await ledger.project(project_id, principal, to_print=False)
    parts, latest = await ledger.parts(found, principal, monthly=False)
    return ProjectStats(
        project_id=found,
        currency=ledger.costs.currency,
        last_job_at=latest,
        message=msgspec.UNSET if parts else NOTHING_YET,
        **_sums(parts, ledger.costs),
    )


@get(
    "/projects/{project_id:str}/stats/detailed",
    summary="A project's prints in numbers, by material, printer and month",
    policy=VIEW,
)
async def detailed(
    project_id: FromPath[str], ledger: NamedDependency[JobLedger], principal: NamedDependency[Principal]
) -> DetailedStats:
    """The same as the statistics, and each part of it. Jobs that haven't ended are in no month."""
    found = await ledger.project(project_id, principal, to_print=False)
    parts, latest = await ledger.parts(found, principal, monthly=True)
    costs = ledger.costs
    ended = [part for part in parts if part.month is not None]
    return DetailedStats(
        project_id=found,
        currency=costs.currency,
        last_job_at=latest,
        message=msgspec.UNSET if parts else NOTHING_YET,
        by_material=_most_first(_named(parts, lambda part: part.material, costs)),
        by_printer=_most_first(_named(parts, lambda part: part.printer, costs)),
        by_month=sorted(_named(ended, lambda part: part.month, costs), key=lambda month: month.name or ""),
        **_sums(parts, costs),
    )


@get("/projects/{project_id:str}/files", summary="A project's files", policy=VIEW)
async def files(
    project_id: FromPath[str], service: NamedDependency[PrintingService], principal: NamedDependency[Principal]
) -> ProjectFiles:
    """Latest first."""
    found = await service.ledger.project(project_id, principal, to_print=False)
    return ProjectFiles(
        project_id=found, files=[file_item(file) for file in await service.project_files(found, principal)]
    )


@post(
    "/files/{name:str}/link",
    status_code=201,
    summary="Link a file to a project",
    policy=OPERATE,
    action="printing.file.link",
    doc=docs.FILE_LINK,
)
async def link(
    name: FromPath[str],
    data: JSONBody[FileLink],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> Response[FileLinked]:
    """201 the first time, 200 again, 409 for a file of another project."""
    file, project, changed = await service.link_file(name, principal, data.project_id, linked=True)
    audit.note(target=f"file:{file.name}", project=str(project))
    linked = FileLinked(
        filename=file.name,
        project_id=project,
        linked=True,
        changed=changed,
        message=f"{file.name} is the project's." if changed else f"{file.name} was the project's already.",
    )
    return Response(linked, status_code=201 if changed else 200)


@delete(
    "/files/{name:str}/link",
    status_code=200,
    summary="Unlink a file from a project",
    policy=OPERATE,
    action="printing.file.unlink",
    doc=docs.FILE_LINK,
)
async def unlink(
    name: FromPath[str],
    data: JSONBody[FileLink],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> FileLinked:
    """Again does no harm; 409 for a file of another project. The file stays."""
    file, project, changed = await service.link_file(name, principal, data.project_id, linked=False)
    audit.note(target=f"file:{file.name}", project=str(project))
    return FileLinked(
        filename=file.name,
        project_id=project,
        linked=False,
        changed=changed,
        message=f"{file.name} is no project's now." if changed else f"{file.name} wasn't the project's.",
    )


def _sums(parts: Iterable[Part], costs: Costs) -> dict[str, Any]:
    each = tuple(parts)
    grams: dict[str | None, float] = defaultdict(float)
    for part in each:
        grams[part.material] += part.grams
    sums = figures(each)
    material = sum(costs.material(kind, weight) for kind, weight in grams.items())
    return stats_fields(sums, material, costs.machine(sums.seconds))


def _named(parts: Iterable[Part], name: Callable[[Part], str | None], costs: Costs) -> list[NamedStats]:
    groups: dict[str | None, list[Part]] = defaultdict(list)
    for part in parts:
        groups[name(part)].append(part)
    return [NamedStats(name=each, **_sums(group, costs)) for each, group in groups.items()]


def _most_first(groups: list[NamedStats]) -> list[NamedStats]:
    return sorted(groups, key=lambda group: (-group.total_jobs, group.name or ""))
