"""Commands to what prints. What the printer is doing is in `reads.py`."""

from __future__ import annotations

from litestar import post
from litestar.di import NamedDependency

from fluxgate_printing.access import OPERATE
from fluxgate_printing.api.schemas import Done
from fluxgate_printing.service import PrintingService


@post("/job/cancel", status_code=200, summary="Cancel the print", policy=OPERATE)
async def cancel(service: NamedDependency[PrintingService]) -> Done:
    """409 when nothing prints."""
    await service.lane().cancel()
    return Done(message="The print is being canceled.")


@post("/job/pause", status_code=200, summary="Pause the print", policy=OPERATE)
async def pause(service: NamedDependency[PrintingService]) -> Done:
    """409 when nothing prints."""
    await service.lane().pause()
    return Done(message="The print is being paused.")


@post("/job/resume", status_code=200, summary="Go on with a paused print", policy=OPERATE)
async def resume(service: NamedDependency[PrintingService]) -> Done:
    """409 when nothing is paused."""
    await service.lane().resume()
    return Done(message="The print goes on.")
