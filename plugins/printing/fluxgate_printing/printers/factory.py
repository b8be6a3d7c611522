"""From settings to drivers: which printers there are, and what speaks to each."""

from __future__ import annotations

import re
from pathlib import Path

from fluxgate_printing.printers.base import PrinterDriver
from fluxgate_printing.printers.octoprint import OctoPrintDriver, check_settings
from fluxgate_printing.printers.octoprint_api import check_url
from fluxgate_printing.printers.virtual import VirtualPrinter
from fluxgate_printing.settings import OctoPrintSettings, PrinterSettings, PrintingSettings, VirtualPrinterSettings

OCTOPRINT = "octoprint"
VIRTUAL = "virtual"
# it becomes part of a path, of a URL and of a column of 100 characters
NAME = re.compile(r"\w(?:[\w .-]{0,98}\w)?")


def effective_printers(settings: PrintingSettings) -> dict[str, PrinterSettings]:
    """The native backend's printers, in the order of the configuration.

    `octoprint` is one of them, the first, if it has a URL. With no printer at all there is a virtual one. ValueError
    says what is wrong.
    """
    printers: dict[str, PrinterSettings] = {}
    if settings.octoprint.url:
        if OCTOPRINT in settings.printers:
            raise ValueError(
                f"two printers are called {OCTOPRINT}, one in printers and one from octoprint.url (OCTOPRINT_URL): "
                "rename or remove one"
            )
        printers[OCTOPRINT] = settings.octoprint
    elif settings.octoprint.api_key and not settings.printers:
        raise ValueError("octoprint.api_key (OCTOPRINT_API_KEY) is set and octoprint.url (OCTOPRINT_URL) isn't")
    printers.update(settings.printers)
    if not printers:
        printers[VIRTUAL] = VirtualPrinterSettings(camera_url=settings.octoprint.camera_url)
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
    return OctoPrintDriver(settings)


def _check(name: str, printer: PrinterSettings) -> None:
    if not NAME.fullmatch(name):
        raise ValueError(f"printers.{name}: a name has letters, digits, spaces, '.', '_' or '-', at most 100")
    try:
        if isinstance(printer, OctoPrintSettings):
            check_settings(printer)
        if printer.camera_url is not None:
            check_url(printer.camera_url, "camera_url")
    except ValueError as exc:
        raise ValueError(f"printers.{name}: {exc}") from exc
