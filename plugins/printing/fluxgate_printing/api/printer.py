"""The printer: state, job, temperatures, and the commands to what prints."""

from __future__ import annotations

from litestar import get, post
from litestar.di import NamedDependency

from fluxgate_printing.api.schemas import Done
from fluxgate_printing.api.views import job_view, status_view
from fluxgate_printing.models import JobView, StatusView, Temperature
from fluxgate_printing.service import PrintingService


@get("/status", summary="State and temperatures of the printer", sync_to_thread=False)
def status(service: NamedDependency[PrintingService]) -> StatusView:
    """From memory, with the state's age; an offline printer is a state, not an error."""
    return status_view(service.default, service.state())


@get("/job", summary="The current print", sync_to_thread=False)
def job(service: NamedDependency[PrintingService]) -> JobView:
    """What the printer has loaded, and how far it is."""
    return job_view(service.state())


@get("/temperature", summary="Temperatures of the printer", sync_to_thread=False)
def temperature(service: NamedDependency[PrintingService]) -> dict[str, Temperature]:
    """`bed`, `tool0`, … in °C."""
    return service.state().temperature


@post("/job/cancel", status_code=200, summary="Cancel the print")
async def cancel(service: NamedDependency[PrintingService]) -> Done:
    """409 when nothing prints."""
    await service.lane().cancel()
    return Done(message="The print is being canceled.")


@post("/job/pause", status_code=200, summary="Pause the print")
async def pause(service: NamedDependency[PrintingService]) -> Done:
    """409 when nothing prints."""
    await service.lane().pause()
    return Done(message="The print is being paused.")


@post("/job/resume", status_code=200, summary="Go on with a paused print")
async def resume(service: NamedDependency[PrintingService]) -> Done:
    """409 when nothing is paused."""
    await service.lane().resume()
    return Done(message="The print goes on.")
