"""The print queue."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.params import FromPath, HeaderParameter, JSONBody

from fluxgate.plugin import AuditNotes, Principal
from fluxgate_printing.access import OPERATE, VIEW
from fluxgate_printing.api import docs
from fluxgate_printing.api.bodies import optional_body
from fluxgate_printing.api.noting import note_job
from fluxgate_printing.api.schemas import Done, QueueAdd, QueueAdded, QueueView, Reorder, StartJob
from fluxgate_printing.api.views import queue_view
from fluxgate_printing.queue.requirements import of_material
from fluxgate_printing.service import PrintingService

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        required=False,
        max_length=200,
        description="A retried request with one key makes one job.",
    ),
]


@get("/queue", summary="The print queue", policy=VIEW, doc=docs.QUEUE)
async def show(service: NamedDependency[PrintingService], principal: NamedDependency[Principal]) -> QueueView:
    """What prints, then what waits, in order. Places are counted with the jobs that the caller doesn't see."""
    return await view_of(service, principal)


async def view_of(service: PrintingService, principal: Principal) -> QueueView:
    sight = service.callers.sees(principal)
    seen = {job.id for job in await service.jobs.active(sight)}
    outlook = await service.dispatcher.look()
    return queue_view(await service.jobs.active(), await service.jobs.counts(sight), outlook, seen)


@post(
    "/queue", summary="Put a file in the print queue", policy=OPERATE, action="printing.queue.add", doc=docs.QUEUE_ADD
)
async def add(
    data: JSONBody[QueueAdd],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
    idempotency_key: IdempotencyKey = None,
) -> QueueAdded:
    """404 when there is no such file. With `print` it starts at once if the printer is free."""
    service.check_target(data.printer, principal)
    project_id = await service.callers.project(data.project_id, principal, to_print=True)
    new = await service.new_job(data.filename, principal, project_id=project_id, idempotency_key=idempotency_key)
    new = msgspec.structs.replace(
        new,
        priority=data.priority,
        print_settings=data.print_settings,
        material_type=data.material_type or new.material_type,
        material_color=data.material_color,
        notes=data.notes,
        copies=data.copies,
        on_hold=data.on_hold,
        target_printer=data.printer,
        requirements=data.requirements or of_material(new.requirements, data.material_type),
    )
    queued, started, waiting = await service.enqueue(new, principal, start=data.print)
    number = queued.fluxprint_queue_id or 0
    note_job(audit, queued)
    audit.note(started=started)
    copies = await service.jobs.copies_of(queued)
    return QueueAdded(
        queue_id=number,
        id=number,
        job_id=str(queued.id),
        filename=queued.file_name,
        position=0 if started else await service.position(queued),
        status=queued.status,
        started=started,
        waiting=waiting,
        queue_ids=[job.fluxprint_queue_id or 0 for job in copies],
    )


@delete("/queue", status_code=200, summary="Clear the print queue", policy=OPERATE, action="printing.queue.clear")
async def clear(
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> Done:
    """Cancels every job that waits, of those that the caller may change; what prints goes on."""
    gone = await service.clear(principal)
    audit.note(count=len(gone))
    return Done(message=f"{len(gone)} job(s) were taken out of the queue.", count=len(gone))


@delete(
    "/queue/{queue_id:int}",
    status_code=200,
    summary="Take a job out of the print queue",
    policy=OPERATE,
    action="printing.queue.remove",
)
async def remove(
    queue_id: FromPath[int],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> Done:
    """409 while it prints."""
    gone = await service.remove(queue_id, principal)
    note_job(audit, gone)
    return Done(message=f"{gone.file_name} was taken out of the queue.")


@route(
    "/queue/reorder",
    http_method=[HttpMethod.PUT, HttpMethod.POST],
    status_code=200,
    summary="Change the order",
    policy=OPERATE,
    action="printing.queue.reorder",
    doc=docs.QUEUE_REORDER,
)
async def reorder(
    data: JSONBody[Reorder], service: NamedDependency[PrintingService], principal: NamedDependency[Principal]
) -> QueueView:
    """All or nothing; jobs that aren't named keep their order around those that are."""
    changes = service.callers.changes(principal)
    await service.jobs.reorder([(item.id, item.position) for item in data.items], changes)
    return await view_of(service, principal)


@post(
    "/queue/{queue_id:int}/start",
    status_code=200,
    summary="Start a queued job",
    policy=OPERATE,
    action="printing.queue.start",
    doc=docs.QUEUE_START,
)
async def start(
    queue_id: FromPath[int],
    request: Request[Any, Any, Any],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> QueueAdded:
    """409 while the printer is busy, 503 while it is offline. The body may be empty."""
    wanted = await optional_body(request, StartJob)
    begun = await service.start(queue_id, principal, wanted.printer)
    note_job(audit, begun)
    return QueueAdded(
        queue_id=queue_id,
        id=queue_id,
        job_id=str(begun.id),
        filename=begun.file_name,
        position=0,
        status=begun.status,
        started=True,
        queue_ids=[queue_id],
    )
