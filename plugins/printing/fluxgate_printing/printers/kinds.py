"""The kinds of printers that there are: the plugin's own, and those that other distributions bring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Union

import msgspec

from fluxgate_printing.printers import moonraker, octoprint, prusalink
from fluxgate_printing.printers.base import PrinterDriver
from fluxgate_printing.printers.virtual import VirtualPrinter
from fluxgate_printing.settings import (
    AnyPrinterSettings,
    MoonrakerSettings,
    OctoPrintSettings,
    PrintingSettings,
    PrusaLinkSettings,
    VirtualPrinterSettings,
)

__all__ = ["BUILT_IN", "DriverKind", "Kinds"]


class DriverKind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of printer.

    `settings`: what is configured for each; a frozen struct that extends `AnyPrinterSettings`, with a `tag`: the value
    of `driver` that means this kind. `make`: the driver for one printer, of its settings and a folder that it may use,
    without side effects. `check`: raises ValueError if settings that are of the right types can't be right. `secrets`:
    the fields that nobody is shown. `poll_interval`: seconds between looks at a printer that doesn't tell its state by
    itself, unless its settings have a field of that name.
    """

    title: str
    settings: type[AnyPrinterSettings]
    make: Callable[[Any, Path], PrinterDriver]
    check: Callable[[Any], object] = lambda settings: None
    secrets: frozenset[str] = frozenset()
    poll_interval: float = 1.0

    def driver(self, name: str, settings: AnyPrinterSettings, data_dir: Path) -> PrinterDriver:
        """The driver for the printer called `name`, which may keep files of its own below `data_dir`."""
        return self.make(settings, data_dir / self.type / name)

    def polls_every(self, settings: AnyPrinterSettings) -> float:
        """Seconds between looks at a printer with these settings."""
        return float(getattr(settings, "poll_interval", self.poll_interval))

    @property
    def type(self) -> str:
        """What `driver` is for this kind."""
        return str(self.settings.__struct_config__.tag)


BUILT_IN = (
    DriverKind(
        title="OctoPrint",
        settings=OctoPrintSettings,
        make=lambda settings, folder: octoprint.OctoPrintDriver(settings),
        check=octoprint.check_settings,
        secrets=frozenset({"api_key"}),
    ),
    DriverKind(
        title="Moonraker (Klipper)",
        settings=MoonrakerSettings,
        make=lambda settings, folder: moonraker.MoonrakerDriver(settings),
        check=moonraker.check_settings,
        secrets=frozenset({"api_key"}),
    ),
    DriverKind(
        title="PrusaLink",
        settings=PrusaLinkSettings,
        make=lambda settings, folder: prusalink.PrusaLinkDriver(settings),
        check=prusalink.check_settings,
        secrets=frozenset({"api_key", "password"}),
    ),
    DriverKind(title="Virtual printer", settings=VirtualPrinterSettings, make=VirtualPrinter, poll_interval=0.5),
)


class Kinds(Mapping[str, DriverKind]):
    """The kinds by what `driver` calls them."""

    def __init__(self, others: Iterable[DriverKind] = ()) -> None:
        self._kinds = {kind.type: kind for kind in (*others, *BUILT_IN)}

    def __getitem__(self, driver: str) -> DriverKind:
        return self._kinds[driver]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def of(self, settings: AnyPrinterSettings) -> DriverKind:
        """The kind of which these are settings."""
        return self._kinds[str(type(settings).__struct_config__.tag)]

    def decode(self, raw: Mapping[str, Any]) -> AnyPrinterSettings:
        """The settings that `raw` describes, strictly; `driver` says of which kind. msgspec.ValidationError."""
        settings: AnyPrinterSettings = msgspec.convert(raw, self.settings)
        return settings

    @property
    def settings(self) -> Any:
        """The union of all kinds' settings, for msgspec."""
        return Union[tuple(kind.settings for kind in self._kinds.values())]  # noqa: UP007 - made of values

    @property
    def plugin_settings(self) -> type[PrintingSettings]:
        """The plugin's settings with these kinds of printers."""
        if len(self._kinds) == len(BUILT_IN):
            return PrintingSettings
        of_any_kind: Any = dict.__class_getitem__((str, self.settings))
        return msgspec.defstruct(  # type: ignore[return-value]
            "PrintingSettings",
            [("printers", of_any_kind, msgspec.field(default_factory=dict))],
            bases=(PrintingSettings,),
            frozen=True,
            kw_only=True,
            forbid_unknown_fields=True,
            namespace={"__doc__": PrintingSettings.__doc__},
        )
