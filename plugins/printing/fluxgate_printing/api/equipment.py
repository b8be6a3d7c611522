"""Printers that are added, changed, switched off, removed and tried while the gateway runs."""

from __future__ import annotations

from litestar import delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from fluxgate.plugin import AuditNotes, Principal
from fluxgate_printing.access import ADMINISTER
from fluxgate_printing.api.equipment_schemas import (
    DriverList,
    PrinterAdd,
    PrinterEdit,
    PrinterEntryList,
    PrinterEntryView,
    PrinterSwitch,
    PrinterTry,
    TrialView,
    driver_view,
    entry_view,
    trial_view,
)
from fluxgate_printing.api.noting import note_printer
from fluxgate_printing.api.schemas import Done
from fluxgate_printing.equipment import Equipment


@get("/printer-drivers", summary="The kinds of printers that can be added", policy=ADMINISTER)
async def drivers(equipment: NamedDependency[Equipment]) -> DriverList:
    """With the settings that each has."""
    return DriverList(drivers=[driver_view(kind) for kind in equipment.kinds.values()])


@get("/printer-settings", summary="All printers with their settings", policy=ADMINISTER)
async def show(equipment: NamedDependency[Equipment]) -> PrinterEntryList:
    """Those that are switched off too, without what is secret."""
    return PrinterEntryList(printers=[entry_view(entry) for entry in await equipment.all()])


@get("/printer-settings/{printer:str}", summary="One printer with its settings", policy=ADMINISTER)
async def one(printer: FromPath[str], equipment: NamedDependency[Equipment]) -> PrinterEntryView:
    """Without what is secret. 404 when there is no such printer."""
    return entry_view(await equipment.one(printer))


@post("/printer-settings", summary="Add a printer", policy=ADMINISTER, action="printing.printer.add")
async def add(
    data: JSONBody[PrinterAdd],
    equipment: NamedDependency[Equipment],
    principal: NamedDependency[Principal],
    audit: NamedDependency[AuditNotes],
) -> PrinterEntryView:
    """It is used at once, without a restart. 409 when there is one of that name, 422 for settings that can't be right;
    whether they are, `POST /printer-test` says."""
    note_printer(audit, data.name)
    audit.note(driver=str(data.settings.get("driver")))
    return entry_view(
        await equipment.add(data.name, data.settings, principal.id, enabled=data.enabled, default=data.default)
    )


@put(
    "/printer-settings/{printer:str}",
    summary="Change a printer's settings",
    policy=ADMINISTER,
    action="printing.printer.edit",
)
async def edit(
    printer: FromPath[str],
    data: JSONBody[PrinterEdit],
    equipment: NamedDependency[Equipment],
    principal: NamedDependency[Principal],
    audit: NamedDependency[AuditNotes],
) -> PrinterEntryView:
    """All of them; the gateway turns to the printer anew, and takes up again what it prints. 409 for one of the
    configuration, and when somebody else has changed it meanwhile."""
    note_printer(audit, printer)
    audit.note(changed=" ".join(sorted(data.settings)))
    return entry_view(await equipment.change(printer, data.settings, principal.id, data.revision))


@patch(
    "/printer-settings/{printer:str}",
    summary="Switch a printer on or off, or make it the default",
    policy=ADMINISTER,
    action="printing.printer.switch",
)
async def switch(
    printer: FromPath[str],
    data: JSONBody[PrinterSwitch],
    equipment: NamedDependency[Equipment],
    audit: NamedDependency[AuditNotes],
) -> PrinterEntryView:
    """It outlasts restarts, for printers of the configuration too. 409 while it has a job, or is the default."""
    note_printer(audit, printer)
    audit.note(enabled=data.enabled, default=data.default)
    return entry_view(await equipment.switch(printer, enabled=data.enabled, default=data.default))


@delete(
    "/printer-settings/{printer:str}",
    status_code=200,
    summary="Remove a printer that was added",
    policy=ADMINISTER,
    action="printing.printer.remove",
)
async def remove(
    printer: FromPath[str], equipment: NamedDependency[Equipment], audit: NamedDependency[AuditNotes]
) -> Done:
    """What it printed stays in the history. 409 while it has a job, is the default, or is in the configuration."""
    note_printer(audit, printer)
    await equipment.remove(printer)
    return Done(message=f"{printer} is removed.")


@post(
    "/printer-test",
    status_code=200,
    summary="Try whether a printer can be used",
    policy=ADMINISTER,
    action="printing.printer.try",
)
async def attempt(
    data: JSONBody[PrinterTry], equipment: NamedDependency[Equipment], audit: NamedDependency[AuditNotes]
) -> TrialView:
    """It is asked once, and nothing is kept; what is wrong is said with what to do about it."""
    note_printer(audit, data.name or ("new" if data.settings else "default"))
    return trial_view(await equipment.try_out(data.name, data.settings))


HANDLERS = (drivers, show, one, add, edit, switch, remove, attempt)
