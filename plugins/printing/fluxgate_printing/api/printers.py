"""The printers by name: what they are, what they do, and what people say about them."""

from __future__ import annotations

from litestar import get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from fluxgate.plugin import AuditNotes, Principal
from fluxgate_printing.access import COMMAND_ONE, VIEW, WATCH_ONE
from fluxgate_printing.api.noting import commanded, note_printer
from fluxgate_printing.api.schemas import (
    BedView,
    Done,
    MaterialView,
    PrinterChange,
    PrinterList,
    PrinterView,
)
from fluxgate_printing.api.views import printer_view
from fluxgate_printing.queue.dispatch import Station
from fluxgate_printing.queue.floor import PrinterRecord
from fluxgate_printing.service import PrintingService


@get("/printers", summary="All printers", policy=VIEW)
async def show(service: NamedDependency[PrintingService], principal: NamedDependency[Principal]) -> PrinterList:
    """Those that the caller may see."""
    shown = service.callers.access.printers(principal)
    # taken at once: one may be taken out of service while the others are looked up
    stations = [station for name, station in service.stations.items() if shown is None or name in shown]
    records = await service.floor.all()
    return PrinterList(
        printers=[await _view(service, principal, station, records.get(station.lane.name)) for station in stations]
    )


@get("/printers/{printer:str}", summary="One printer", policy=WATCH_ONE)
async def one(
    printer: FromPath[str], service: NamedDependency[PrintingService], principal: NamedDependency[Principal]
) -> PrinterView:
    """What it is and what it does. 404 when there is no such printer."""
    return await _view_now(service, principal, printer)


async def _view_now(service: PrintingService, principal: Principal, printer: str) -> PrinterView:
    station = service.station(printer)
    return await _view(service, principal, station, await service.floor.get(printer))


async def _view(
    service: PrintingService, principal: Principal, station: Station, record: PrinterRecord | None
) -> PrinterView:
    lane = station.lane
    shown = lane.job if await service.callers.sees_print(lane.name, lane.job, principal) else None
    return printer_view(
        station, record or PrinterRecord(name=lane.name), shown, is_default=lane.name == service.default
    )


@patch(
    "/printers/{printer:str}",
    summary="Whether a printer takes jobs by itself",
    policy=COMMAND_ONE,
    action="printing.printer.change",
)
async def change(
    printer: FromPath[str],
    data: JSONBody[PrinterChange],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> PrinterView:
    """It outlasts restarts; null is as configured."""
    note_printer(audit, service.lane(printer).name)
    audit.note(auto_start=data.auto_start)
    await service.set_auto_start(printer, data.auto_start)
    return await _view_now(service, principal, printer)


@put(
    "/printers/{printer:str}/material",
    summary="Say which spool is loaded",
    policy=COMMAND_ONE,
    action="printing.printer.material",
)
async def load(
    printer: FromPath[str],
    data: JSONBody[MaterialView],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> PrinterView:
    """Jobs that need another material, or more of it, wait. What prints use up is taken off `grams`."""
    note_printer(audit, service.lane(printer).name)
    audit.note(material=data.type)
    await service.load_material(printer, data.type, data.color, data.grams)
    return await _view_now(service, principal, printer)


@post(
    "/printers/{printer:str}/bed-clear",
    status_code=200,
    summary="Say that the bed is clear",
    policy=COMMAND_ONE,
    action="printing.printer.bed_clear",
)
async def clear_bed(
    printer: FromPath[str],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> BedView:
    """After a print, a printer takes no other until somebody has looked and says so."""
    note_printer(audit, service.lane(printer).name)
    record = await service.clear_bed(printer, principal)
    return printer_view(service.station(printer), record, None, is_default=False).bed


@post(
    "/printers/{printer:str}/job/cancel",
    status_code=200,
    summary="Cancel the print on a printer",
    policy=COMMAND_ONE,
    action="printing.job.cancel",
)
async def cancel(
    printer: FromPath[str],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> Done:
    """409 when nothing prints."""
    lane = await commanded(service, audit, principal, printer, stopping=True)
    await lane.cancel()
    return Done(message="The print is being canceled.")


@post(
    "/printers/{printer:str}/job/pause",
    status_code=200,
    summary="Pause the print on a printer",
    policy=COMMAND_ONE,
    action="printing.job.pause",
)
async def pause(
    printer: FromPath[str],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> Done:
    """409 when nothing prints."""
    lane = await commanded(service, audit, principal, printer, stopping=True)
    await lane.pause()
    return Done(message="The print is being paused.")


@post(
    "/printers/{printer:str}/job/resume",
    status_code=200,
    summary="Go on with the paused print on a printer",
    policy=COMMAND_ONE,
    action="printing.job.resume",
)
async def resume(
    printer: FromPath[str],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> Done:
    """409 when nothing is paused."""
    lane = await commanded(service, audit, principal, printer)
    await lane.resume()
    return Done(message="The print goes on.")
