"""Adding, changing, switching off and removing printers while the gateway runs, and trying whether they can be used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from fluxgate.errors import ConflictError, NotFoundError, UnprocessableError
from fluxgate.plugin import SealBrokenError
from fluxgate.streams import SourceError
from fluxgate_printing.camera import CameraNotConfiguredError
from fluxgate_printing.inventory import Inventory, ListedPrinter
from fluxgate_printing.printers.added import AddedPrinter, printer_exists
from fluxgate_printing.printers.configured import check_printer
from fluxgate_printing.printers.kinds import DriverKind, Kinds
from fluxgate_printing.printers.secret_fields import kept_secrets, parted
from fluxgate_printing.printers.supervisor import Supervisor
from fluxgate_printing.printers.trial import Finding, try_printer
from fluxgate_printing.roster import Roster
from fluxgate_printing.settings import AnyPrinterSettings
from fluxgate_printing.stations import camera_of

__all__ = ["Equipment", "PrinterEntry"]


class PrinterEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A printer with its settings, for those who may change them. `settings`: without what is secret; `secrets`: the
    names of those that are set; `in_service`: whether the gateway has to do with it right now, as it has with one that
    was switched off until its print has ended."""

    listed: ListedPrinter
    settings: dict[str, Any]
    secrets: list[str]
    in_service: bool


class Equipment:
    """One per process. What is done is kept in the database before it is done here; other gateways on the same database
    follow within seconds. Every method raises UnavailableError when the database doesn't answer."""

    def __init__(self, inventory: Inventory, roster: Roster, data_dir: Path) -> None:
        self._inventory = inventory
        self._roster = roster
        self._data_dir = data_dir

    @property
    def kinds(self) -> Kinds:
        """The kinds of printers that can be added."""
        return self._inventory.kinds

    async def all(self) -> list[PrinterEntry]:
        """Every printer that is configured or was added."""
        return [self._entry(printer) for printer in (await self._inventory.read()).values()]

    async def one(self, name: str) -> PrinterEntry:
        """One of them; NotFoundError PRINTER_NOT_FOUND."""
        return self._entry(await self._listed(name))

    async def add(self, name: str, raw: Mapping[str, Any], by: str, *, enabled: bool, default: bool) -> PrinterEntry:
        """Add a printer. UnprocessableError for settings that can't be right, ConflictError PRINTER_EXISTS."""
        if name in await self._inventory.read():
            raise printer_exists(name)
        kind, _ = self._checked(name, raw)
        settings, secrets = parted(kind, raw)
        await self._inventory.floor.retire(name)  # what was said of one that had the name before
        if not enabled and not default:
            await self._inventory.floor.set_enabled(name, enabled=False)
        await self._inventory.added.add(name, settings, self._sealed(secrets), by)
        if default:
            await self._inventory.floor.set_default(name)
        return await self._done(name)

    async def change(self, name: str, raw: Mapping[str, Any], by: str, revision: int | None) -> PrinterEntry:
        """Replace a printer's settings; a secret that isn't mentioned stays as it is. UnprocessableError, ConflictError
        PRINTER_CONFIGURED, PRINTER_CHANGED if it isn't at `revision` any more."""
        row = self._added(await self._listed(name))
        merged = self._with_kept_secrets(row, raw)
        kind, _ = self._checked(name, merged)
        settings, secrets = parted(kind, merged)
        await self._inventory.added.change(name, settings, self._sealed(secrets), by, revision or row.revision)
        return await self._done(name)

    async def switch(self, name: str, *, enabled: bool | None, default: bool | None) -> PrinterEntry:
        """Have to do with a printer or not, and make it the default one; None: as it is. ConflictError PRINTER_BUSY,
        PRINTER_IS_DEFAULT."""
        listed = await self._listed(name)
        if default is False and listed.is_default:
            raise ConflictError(
                f"{name} is the default printer: make another the default.", code="PRINTER_IS_DEFAULT", field="default"
            )
        if enabled is False:
            self._check_free(listed, becomes_default=bool(default))
        if enabled is not None or default:
            await self._inventory.floor.set_enabled(name, enabled=enabled is not False)
        if default:
            await self._inventory.floor.set_default(name)
        return await self._done(name)

    async def remove(self, name: str) -> None:
        """Forget a printer that was added. What it printed stays in the history, and its bed as it is. ConflictError
        PRINTER_CONFIGURED, PRINTER_BUSY, PRINTER_IS_DEFAULT."""
        listed = await self._listed(name)
        self._added(listed)
        self._check_free(listed, becomes_default=False)
        await self._inventory.added.remove(name)
        await self._inventory.floor.retire(name)
        await self._roster.arrange()

    async def try_out(self, name: str | None, raw: Mapping[str, Any] | None) -> list[Finding]:
        """Whether a printer can be used with settings that aren't kept yet, or with its own; `name`: whose secrets are
        meant where these settings don't mention them. Neither: the default printer."""
        if raw is None:
            name = name or self._roster.default
        listed = None if name is None else (await self._inventory.read()).get(name)
        if raw is None:
            if listed is None:
                raise _not_found(name)
            if listed.problem is not None:
                return [Finding(part="server", ok=False, message=listed.problem, mend="Save its settings again.")]
            return await self._tried(listed.name, listed.kind, listed.settings)
        if listed is not None and listed.added is not None:
            raw = self._with_kept_secrets(listed.added, raw)
        name = name or "new"
        return await self._tried(name, *self._checked(name, raw))

    async def _tried(self, name: str, kind: DriverKind, settings: AnyPrinterSettings) -> list[Finding]:
        driver = kind.driver(f"{name} on trial", settings, self._data_dir)
        camera = camera_of(settings, driver, Supervisor(name, driver), names=False)
        try:
            found = await try_printer(driver, kind.title)
            if settings.camera_url or settings.camera_snapshot_url or all(each.ok for each in found):
                try:
                    await camera.latest()
                except CameraNotConfiguredError:
                    pass
                except SourceError as error:
                    mend = "Open the camera's URL in a browser: it must show the picture, without a page around it."
                    found.append(Finding(part="camera", ok=False, message=str(error), mend=mend))
                else:
                    found.append(Finding(part="camera", ok=True, message="The camera gives pictures."))
            return found
        finally:
            await camera.aclose()
            await driver.aclose()

    async def _listed(self, name: str) -> ListedPrinter:
        listed = (await self._inventory.read()).get(name)
        if listed is None:
            raise _not_found(name)
        return listed

    async def _done(self, name: str) -> PrinterEntry:
        await self._roster.arrange()
        return await self.one(name)

    def _entry(self, printer: ListedPrinter) -> PrinterEntry:
        if printer.problem is not None and printer.added is not None:
            raw = printer.added.settings
        else:
            raw = {"driver": printer.kind.type, **msgspec.to_builtins(printer.settings)}
        shown, secrets = parted(printer.kind, raw)
        return PrinterEntry(
            listed=printer,
            settings=shown,
            secrets=sorted(secrets),
            in_service=printer.name in self._roster.stations,
        )

    def _checked(self, name: str, raw: Mapping[str, Any]) -> tuple[DriverKind, AnyPrinterSettings]:
        driver = raw.get("driver")
        if not isinstance(driver, str) or driver not in self.kinds:
            known = ", ".join(self.kinds)
            raise UnprocessableError(
                f"driver must be one of {known}.", code="INVALID_PRINTER_SETTINGS", field="settings.driver"
            )
        try:
            settings = self.kinds.decode(raw)
            check_printer(name, settings, self.kinds)
        except ValueError as error:  # msgspec's too
            message, _, place = str(error).removeprefix(f"printers.{name}: ").partition(" - at `$")
            field = "settings" + place.rstrip("`")
            raise UnprocessableError(message, code="INVALID_PRINTER_SETTINGS", field=field) from None
        return self.kinds.of(settings), settings

    def _with_kept_secrets(self, row: AddedPrinter, raw: Mapping[str, Any]) -> dict[str, Any]:
        try:
            secrets = self._inventory.opened(row)
        except SealBrokenError:
            return dict(raw)
        staying, needed = kept_secrets(raw, row.settings, secrets)
        if needed:
            raise UnprocessableError(
                f"url leads elsewhere: {', '.join(needed)} must be entered again, or be null.",
                code="SECRET_NEEDED",
                field=f"settings.{needed[0]}",
            )
        return {**staying, **raw}

    def _sealed(self, secrets: Mapping[str, str]) -> str | None:
        return self._inventory.vault.seal(msgspec.json.encode(secrets).decode()) if secrets else None

    @staticmethod
    def _added(listed: ListedPrinter) -> AddedPrinter:
        if listed.added is None:
            raise ConflictError(
                f"{listed.name} is in the gateway's configuration, and can be changed there only.",
                code="PRINTER_CONFIGURED",
            )
        return listed.added

    def _check_free(self, listed: ListedPrinter, *, becomes_default: bool) -> None:
        if listed.is_default or becomes_default:
            raise ConflictError(
                f"{listed.name} is the default printer: make another the default first.", code="PRINTER_IS_DEFAULT"
            )
        station = self._roster.stations.get(listed.name)
        if station is not None and station.lane.job is not None:
            raise ConflictError(
                f"{listed.name} has a job: let it end, cancel it, or say what became of it.", code="PRINTER_BUSY"
            )


def _not_found(name: str | None) -> NotFoundError:
    return NotFoundError(f"There is no printer {name!r}.", code="PRINTER_NOT_FOUND", field="printer")
