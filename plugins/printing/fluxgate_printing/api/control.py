"""Heat, move, and G-code: what a printer is told beside prints."""

from __future__ import annotations

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from fluxgate.plugin import AuditNotes, Principal
from fluxgate_printing.access import COMMAND, COMMAND_ONE, GCODE_ONE
from fluxgate_printing.api.noting import commanded
from fluxgate_printing.api.schemas import Done, Gcode, Heat, Home, Jog, Target
from fluxgate_printing.service import PrintingService


@post(
    "/printers/{printer:str}/temperature",
    status_code=200,
    summary="Heat a hotend or the bed",
    policy=COMMAND_ONE,
    action="printing.printer.temperature",
)
async def heat(
    printer: FromPath[str],
    data: JSONBody[Heat],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> Done:
    """0 is off. 422 beyond what is configured for the printer."""
    return await _heat(service, audit, principal, printer, data.heater, data.target)


@post(
    "/temperature/hotend",
    status_code=200,
    summary="Heat the hotend",
    policy=COMMAND,
    action="printing.printer.temperature",
)
async def heat_hotend(
    data: JSONBody[Target],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> Done:
    """The default printer's first one."""
    return await _heat(service, audit, principal, None, "tool0", data.target)


@post(
    "/temperature/bed", status_code=200, summary="Heat the bed", policy=COMMAND, action="printing.printer.temperature"
)
async def heat_bed(
    data: JSONBody[Target],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> Done:
    """The default printer's."""
    return await _heat(service, audit, principal, None, "bed", data.target)


async def _heat(  # noqa: PLR0917 - the handlers' own arguments
    service: PrintingService, audit: AuditNotes, principal: Principal, printer: str | None, heater: str, target: float
) -> Done:
    station = service.station(printer)
    lane = await commanded(service, audit, principal, printer)
    audit.note(heater=heater, celsius=str(target))
    station.bounds.check_temperature(heater, target)
    await lane.set_temperature(heater, target)
    return Done(message=f"{heater} is heated to {target:g} °C." if target else f"{heater} is switched off.")


@post(
    "/printers/{printer:str}/home",
    status_code=200,
    summary="Drive axes home",
    policy=COMMAND_ONE,
    action="printing.printer.home",
)
async def home(
    printer: FromPath[str],
    data: JSONBody[Home],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> Done:
    """409 while it prints."""
    lane = await commanded(service, audit, principal, printer)
    audit.note(axes=" ".join(data.axes))
    await lane.home(data.axes)
    return Done(message=f"{lane.name} drives home.")


@post(
    "/printers/{printer:str}/jog",
    status_code=200,
    summary="Move the print head",
    policy=COMMAND_ONE,
    action="printing.printer.jog",
)
async def jog(
    printer: FromPath[str],
    data: JSONBody[Jog],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> Done:
    """By so many mm. 409 while it prints."""
    lane = await commanded(service, audit, principal, printer)
    if not data.moves:
        return Done(message="There is nothing to move.")
    await lane.jog(data.moves, data.speed)
    return Done(message=f"{lane.name} moves.")


@post(
    "/printers/{printer:str}/gcode",
    status_code=200,
    summary="Send G-code",
    policy=GCODE_ONE,
    action="printing.printer.gcode",
)
async def gcode(
    printer: FromPath[str],
    data: JSONBody[Gcode],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
) -> Done:
    """Commands that the configuration allows for this printer. 409 while it prints."""
    station = service.station(printer)
    lane = await commanded(service, audit, principal, printer)
    audit.note(gcode="; ".join(data.commands)[:200])
    commands = station.bounds.checked_gcode(data.commands)
    await lane.send_gcode(commands)
    return Done(message=f"{len(commands)} command(s) were sent.", count=len(commands))
