"""What a print will take, and a print with few words."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from fluxgate.errors import ProblemError, UnprocessableError
from fluxgate.plugin import AuditNotes, Principal
from fluxgate_printing.access import OPERATE, VIEW
from fluxgate_printing.api import docs
from fluxgate_printing.api.job_schemas import (
    STANDARD_MATERIALS,
    Estimate,
    EstimateRequest,
    QuickPrint,
    QuickPrinted,
    TimeRange,
)
from fluxgate_printing.api.noting import note_job
from fluxgate_printing.api.queue import IdempotencyKey
from fluxgate_printing.costs import Costs
from fluxgate_printing.estimate import Forecast
from fluxgate_printing.queue.requirements import of_material
from fluxgate_printing.remote import RemotePrinting
from fluxgate_printing.service import PrintingService
from fluxgate_printing.settings import FLUXPRINT


@post("/estimate", status_code=200, summary="What a print will take", policy=VIEW, doc=docs.ESTIMATE)
async def estimate(
    data: JSONBody[EstimateRequest],
    service: NamedDependency[PrintingService],
    principal: NamedDependency[Principal],
) -> Estimate:
    """From what the file says, corrected by the printer's prints so far; guessed by its size if it says nothing, with
    `confidence` low. Changes nothing."""
    _check_material(data.material, service.ledger.costs, "material")
    printer = service.lane(data.printer).name
    file = await service.file(data.filename, principal)
    taken, material = await service.forecast(file, printer, data.material, data.copies)
    return _estimate(taken, material, printer, service.ledger.costs)


@post("/quick-print", summary="Print a file with few words", policy=OPERATE, action="printing.quick", doc=docs.QUICK)
async def quick_print(
    data: JSONBody[QuickPrint],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
    idempotency_key: IdempotencyKey = None,
) -> QuickPrinted:
    """Into the queue, with an estimate. 404 when there is no such file or project."""
    config = data.config
    _check_material(config.material, service.ledger.costs, "config.material")
    project_id = await service.callers.project(data.projectId, principal, to_print=True)
    new = await service.new_job(data.filename, principal, project_id=project_id, idempotency_key=idempotency_key)
    file = await service.file(data.filename, principal)
    taken, material = await service.forecast(file, service.default, config.material, config.copies)
    settings = {"quality": config.quality, "supports": config.supports, "copies": config.copies}
    new = msgspec.structs.replace(
        new,
        copies=config.copies,
        material_type=material,
        requirements=of_material(new.requirements, config.material),
        notes=config.notes,
        print_settings=settings if config.infill is None else {**settings, "infill": config.infill},
    )
    queued, started, waiting = await service.enqueue(new, principal, start=data.print)
    note_job(audit, queued)
    audit.note(started=started, copies=config.copies)
    return QuickPrinted(
        job_id=str(queued.id),
        queue_id=queued.fluxprint_queue_id or 0,
        started=started,
        waiting=waiting,
        estimate=_estimate(taken, material, service.default, service.ledger.costs),
    )


@post("/estimate", status_code=200, summary="What a print will take", policy=VIEW, doc=docs.ESTIMATE)
async def remote_estimate(data: JSONBody[EstimateRequest], remote: NamedDependency[RemotePrinting]) -> Estimate:
    """FluxPrint's own estimate. Changes nothing."""
    _check_material(data.material, remote.ledger.costs, "material")
    taken = await remote.estimate(data.filename, data.quality, data.copies)
    return _estimate(taken, data.material, FLUXPRINT, remote.ledger.costs)


@post("/quick-print", summary="Print a file with few words", policy=OPERATE, action="printing.quick", doc=docs.QUICK)
async def remote_quick_print(
    data: JSONBody[QuickPrint],
    request: Request[Any, Any, Any],
    remote: NamedDependency[RemotePrinting],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> QuickPrinted:
    """Into FluxPrint's queue, with its estimate."""
    config = data.config
    _check_material(config.material, remote.ledger.costs, "config.material")
    said = {name: value for name, value in msgspec.to_builtins(config).items() if value is not None}
    if data.print:
        said["print"] = True
    queue_id, job_id = await remote.quick_print(
        data.filename, principal, data.projectId, said, request.headers.get("x-request-id", "")
    )
    audit.note(target=f"job:{job_id}", file=data.filename, queue_id=queue_id, project=data.projectId)
    try:
        taken = await remote.estimate(data.filename, config.quality, config.copies)
    except ProblemError:
        estimated = None  # it is queued, whatever it will take
    else:
        estimated = _estimate(taken, config.material, FLUXPRINT, remote.ledger.costs)
    return QuickPrinted(job_id=None if job_id is None else str(job_id), queue_id=queue_id, estimate=estimated)


def _check_material(material: str | None, costs: Costs, field: str) -> None:
    """UnprocessableError MATERIAL_UNKNOWN unless it is one of the usual ones or has a price."""
    known = sorted({*STANDARD_MATERIALS, *costs.prices})
    if material is not None and material.strip().upper() not in known:
        raise UnprocessableError(f"{field} is none of {', '.join(known)}.", code="MATERIAL_UNKNOWN", field=field)


def _estimate(taken: Forecast, material: str | None, printer: str, costs: Costs) -> Estimate:
    minutes = max(1, round(taken.seconds / 60))
    material_cost, machine_cost = costs.material(material, taken.grams), costs.machine(taken.seconds)
    return Estimate(
        time_hours=minutes // 60,
        time_minutes=minutes % 60,
        time_seconds=round(taken.seconds),
        range=TimeRange(low=round(taken.seconds_low), high=round(taken.seconds_high)),
        material=material,
        material_grams=round(taken.grams, 2),
        material_cost=material_cost,
        machine_cost=machine_cost,
        total_cost=round(material_cost + machine_cost, 2),
        currency=costs.currency,
        confidence=taken.confidence,
        basis=taken.basis,
        sliced_seconds=None if taken.sliced is None else round(taken.sliced),
        correction=round(taken.correction.ratio, 4),
        corrected_by=taken.correction.prints,
        printer=printer,
    )
