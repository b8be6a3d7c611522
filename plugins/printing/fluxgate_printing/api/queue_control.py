"""What is done to jobs that wait, and to the queue as a whole, beyond what FluxPrint knows."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from fluxgate.errors import NotFoundError
from fluxgate.plugin import AuditNotes, Principal
from fluxgate_printing.access import ADMINISTER, OPERATE, VIEW
from fluxgate_printing.api.bodies import optional_body
from fluxgate_printing.api.noting import note_job
from fluxgate_printing.api.queue import view_of
from fluxgate_printing.api.schemas import Done, Hold, QueueChange, QueueView, Waiting, WaitingOn
from fluxgate_printing.service import PrintingService


@patch(
    "/queue/{queue_id:int}",
    summary="Change a queued job",
    policy=OPERATE,
    action="printing.queue.change",
)
async def change(
    queue_id: FromPath[int],
    data: JSONBody[QueueChange],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> QueueView:
    """Its priority, the printer that it is for, what it needs of one. Another priority moves it."""
    if data.printer is not msgspec.UNSET:
        service.check_target(data.printer, principal)
    columns = {"priority": data.priority, "target_printer": data.printer, "requirements": data.requirements}
    changes = {column: value for column, value in columns.items() if value is not msgspec.UNSET}
    changed = await service.change(queue_id, principal, changes)
    note_job(audit, changed)
    return await view_of(service, principal)


@post(
    "/queue/{queue_id:int}/hold",
    status_code=200,
    summary="Put a queued job on hold",
    policy=OPERATE,
    action="printing.queue.hold",
)
async def hold(
    queue_id: FromPath[int],
    request: Request[Any, Any, Any],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> Done:
    """It keeps its place, and isn't printed until it is released. The body may be empty."""
    held = await service.hold(queue_id, principal, (await optional_body(request, Hold)).reason)
    note_job(audit, held)
    return Done(message=f"{held.file_name} is on hold.")


@post(
    "/queue/{queue_id:int}/release",
    status_code=200,
    summary="Release a job that is on hold",
    policy=OPERATE,
    action="printing.queue.release",
)
async def release(
    queue_id: FromPath[int],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> Done:
    """It may be printed again. Nothing changes if it isn't on hold."""
    released = await service.release(queue_id, principal)
    note_job(audit, released)
    return Done(message=f"{released.file_name} isn't on hold.")


@get("/queue/{queue_id:int}/waiting", summary="Why a job isn't printing", policy=VIEW)
async def waiting(
    queue_id: FromPath[int], service: NamedDependency[PrintingService], principal: NamedDependency[Principal]
) -> Waiting:
    """For each printer that the caller may see."""
    job = await service.jobs.by_queue_id(queue_id, sight=service.callers.sees(principal))
    if job is None:
        raise NotFoundError(f"There is no job {queue_id} in the queue.", code="JOB_NOT_FOUND", field="id")
    outlook = await service.dispatcher.look()
    shown = service.callers.access.printers(principal)
    return Waiting(
        id=queue_id,
        job_id=str(job.id),
        status=job.status,
        summary=outlook.summary(job.id) if job.status == "queued" else job.state_detail,
        printers=[
            WaitingOn(printer=name) if reason is None else WaitingOn(name, reason.code, reason.message)
            for name, reason in outlook.reasons.get(job.id, {}).items()
            if shown is None or name in shown
        ],
    )


@post("/queue/pause", status_code=200, summary="Pause the queue", policy=ADMINISTER, action="printing.queue.pause")
async def pause(service: NamedDependency[PrintingService]) -> Done:
    """No printer takes a job by itself; what prints goes on, and a person may start jobs."""
    await service.pause_queue(paused=True)
    return Done(message="The queue is paused.")


@post(
    "/queue/resume", status_code=200, summary="Go on with the queue", policy=ADMINISTER, action="printing.queue.resume"
)
async def resume(service: NamedDependency[PrintingService]) -> Done:
    """Printers that take jobs by themselves do so again."""
    await service.pause_queue(paused=False)
    return Done(message="The queue goes on.")
