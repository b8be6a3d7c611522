"""From settings to drivers: which printers there are, and what speaks to each."""

from __future__ import annotations

import re
from pathlib import Path

from fluxgate_printing.printers import moonraker, octoprint, prusalink
from fluxgate_printing.printers.base import PrinterDriver
from fluxgate_printing.printers.printer_http import check_url
from fluxgate_printing.printers.virtual import VirtualPrinter
from fluxgate_printing.settings import (
    OCTOPRINT,
    VIRTUAL,
    MoonrakerSettings,
    OctoPrintSettings,
    PrinterSettings,
    PrintingSettings,
    PrusaLinkSettings,
    VirtualPrinterSettings,
)

# it becomes part of a path, of a URL and of a column of 100 characters
NAME = re.compile(r"\w(?:[\w .-]{0,98}\w)?")


def effective_printers(settings: PrintingSettings) -> dict[str, PrinterSettings]:
    """The native backend's printers, as in `PrintingSettings.native_printers`. ValueError says what is wrong."""
    if settings.octoprint.url and OCTOPRINT in settings.printers:
        raise ValueError(
            f"two printers are called {OCTOPRINT}, one in printers and one from octoprint.url (OCTOPRINT_URL): "
            "rename or remove one"
        )
    if settings.octoprint.api_key and not settings.octoprint.url and not settings.printers:
        raise ValueError("octoprint.api_key (OCTOPRINT_API_KEY) is set and octoprint.url (OCTOPRINT_URL) isn't")
    printers = settings.native_printers
    for name, printer in printers.items():
        _check(name, printer)
    if settings.default_printer is not None and settings.default_printer not in printers:
        raise ValueError(f"default_printer is {settings.default_printer!r}; the printers are {', '.join(printers)}")
    return printers


def default_printer(settings: PrintingSettings) -> str:
    """The printer that the eight routes speak of. ValueError as from `effective_printers`."""
    printers = effective_printers(settings)
    return settings.default_printer or next(iter(printers))


def make_driver(name: str, settings: PrinterSettings, data_dir: Path) -> PrinterDriver:
    """The driver for the printer called `name`.

    A virtual one keeps its files below `data_dir`. ValueError says what is wrong.
    """
    _check(name, settings)
    if isinstance(settings, VirtualPrinterSettings):
        return VirtualPrinter(settings, data_dir / VIRTUAL / name)
    if isinstance(settings, MoonrakerSettings):
        return moonraker.MoonrakerDriver(settings)
    if isinstance(settings, PrusaLinkSettings):
        return prusalink.PrusaLinkDriver(settings)
    return octoprint.OctoPrintDriver(settings)


def _check(name: str, printer: PrinterSettings) -> None:
    if not NAME.fullmatch(name):
        raise ValueError(f"printers.{name}: a name has letters, digits, spaces, '.', '_' or '-', at most 100")
    try:
        if isinstance(printer, OctoPrintSettings):
            octoprint.check_settings(printer)
        if isinstance(printer, MoonrakerSettings):
            moonraker.check_settings(printer)
        elif isinstance(printer, PrusaLinkSettings):
            prusalink.check_settings(printer)
        if printer.camera_url is not None and printer.camera_snapshot_url is not None:
            raise ValueError("camera_url and camera_snapshot_url are two cameras: configure one")
        if printer.camera_url is not None:
            check_url(printer.camera_url, "camera_url")
        if printer.camera_snapshot_url is not None:
            check_url(printer.camera_snapshot_url, "camera_snapshot_url")
    except ValueError as exc:
        raise ValueError(f"printers.{name}: {exc}") from exc
