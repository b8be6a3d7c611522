"""Commands to what prints. What the printer is doing is in `reads.py`."""

from __future__ import annotations

from litestar import post
from litestar.di import NamedDependency

from fluxgate.plugin import AuditNotes, Principal
from fluxgate_printing.access import COMMAND
from fluxgate_printing.api.noting import commanded
from fluxgate_printing.api.schemas import Done
from fluxgate_printing.service import PrintingService


@post("/job/cancel", status_code=200, summary="Cancel the print", policy=COMMAND, action="printing.job.cancel")
async def cancel(
    service: NamedDependency[PrintingService], audit: NamedDependency[AuditNotes], principal: NamedDependency[Principal]
) -> Done:
    """409 when nothing prints."""
    lane = await commanded(service, audit, principal, stopping=True)
    await lane.cancel()
    return Done(message="The print is being canceled.")


@post("/job/pause", status_code=200, summary="Pause the print", policy=COMMAND, action="printing.job.pause")
async def pause(
    service: NamedDependency[PrintingService], audit: NamedDependency[AuditNotes], principal: NamedDependency[Principal]
) -> Done:
    """409 when nothing prints."""
    lane = await commanded(service, audit, principal, stopping=True)
    await lane.pause()
    return Done(message="The print is being paused.")


@post("/job/resume", status_code=200, summary="Go on with a paused print", policy=COMMAND, action="printing.job.resume")
async def resume(
    service: NamedDependency[PrintingService], audit: NamedDependency[AuditNotes], principal: NamedDependency[Principal]
) -> Done:
    """409 when nothing is paused."""
    lane = await commanded(service, audit, principal)
    await lane.resume()
    return Done(message="The print goes on.")
