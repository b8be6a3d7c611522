"""Every printer that the gateway knows of: those of the configuration, and those that were added by API.

One is only as good as what is kept of it. A printer whose secrets can't be opened or whose driver is gone stays in the
list, offline, and says why.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fluxgate.plugin import SealBrokenError, Vault
from fluxgate_printing.printers.added import AddedPrinter, AddedPrinters
from fluxgate_printing.printers.configured import check_printer, default_printer, effective_printers
from fluxgate_printing.printers.kinds import DriverKind, Kinds
from fluxgate_printing.printers.others import unusable
from fluxgate_printing.queue.floor import PrinterFloor, PrinterRecord
from fluxgate_printing.settings import AnyPrinterSettings, PrintingSettings

__all__ = ["Inventory", "ListedPrinter", "Source"]

Source = Literal["configuration", "added"]


class ListedPrinter(msgspec.Struct, frozen=True, kw_only=True):
    """One printer. `added`: its row, if it was added by API; `problem`: why it can't be used as it is kept."""

    name: str
    kind: DriverKind
    settings: AnyPrinterSettings
    enabled: bool
    is_default: bool
    added: AddedPrinter | None = None
    problem: str | None = None

    @property
    def source(self) -> Source:
        """Where it comes from."""
        return "configuration" if self.added is None else "added"


class Inventory:
    """What there is, read anew each time."""

    def __init__(
        self, settings: PrintingSettings, kinds: Kinds, added: AddedPrinters, floor: PrinterFloor, vault: Vault
    ) -> None:
        self.kinds = kinds
        self.added = added
        self.floor = floor
        self.vault = vault
        self.configured = effective_printers(settings, kinds)
        self._default = default_printer(settings)

    async def read(self) -> dict[str, ListedPrinter]:
        """Every printer by name, the configuration's first. One that was added under a name that the configuration has
        is left out: the configuration's is meant. UnavailableError when the database doesn't answer."""
        rows, records = await self.added.all(), await self.floor.all()
        listed = {name: self._configured(name, settings) for name, settings in self.configured.items()}
        for name, row in rows.items():
            if name not in listed:
                listed[name] = self._added(row)
        default = self._chosen(listed, records)
        return {
            name: msgspec.structs.replace(
                printer,
                is_default=name == default,
                enabled=name == default or records.get(name, PrinterRecord(name=name)).enabled is not False,
            )
            for name, printer in listed.items()
        }

    def _chosen(self, listed: dict[str, ListedPrinter], records: dict[str, PrinterRecord]) -> str:
        chosen = [name for name, record in records.items() if record.is_default and name in listed]
        return chosen[0] if chosen else self._default

    def _configured(self, name: str, settings: AnyPrinterSettings) -> ListedPrinter:
        kind = self.kinds.of(settings)
        return ListedPrinter(name=name, kind=kind, settings=settings, enabled=True, is_default=False)

    def _added(self, row: AddedPrinter) -> ListedPrinter:
        problem = None
        try:
            settings = self.kinds.decode({**row.settings, **self.opened(row)})
            check_printer(row.name, settings, self.kinds)
            kind = self.kinds.of(settings)
        except SealBrokenError as error:
            problem = f"Its secrets can't be opened: {error}. Enter them again."
        except (msgspec.ValidationError, ValueError) as error:
            problem = f"What is kept of it can't be used: {error}"
        if problem is not None:
            kind = unusable(str(row.settings.get("driver")), problem)
            settings = kind.settings()
        return ListedPrinter(
            name=row.name, kind=kind, settings=settings, enabled=True, is_default=False, added=row, problem=problem
        )

    def opened(self, row: AddedPrinter) -> dict[str, str]:
        """What is secret of an added printer. SealBrokenError."""
        if row.secrets is None:
            return {}
        return msgspec.json.decode(self.vault.unseal(row.secrets), type=dict[str, str])
