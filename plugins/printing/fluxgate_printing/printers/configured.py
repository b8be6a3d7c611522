"""Which printers the configuration means, and whether they can be right."""

from __future__ import annotations

import re

from fluxgate_printing.printers.kinds import Kinds
from fluxgate_printing.printers.printer_http import check_url
from fluxgate_printing.settings import OCTOPRINT, AnyPrinterSettings, PrintingSettings

# it becomes part of a path, of a URL and of a column of 100 characters
NAME = re.compile(r"\w(?:[\w .-]{0,98}\w)?")


def effective_printers(settings: PrintingSettings, kinds: Kinds) -> dict[str, AnyPrinterSettings]:
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
        check_printer(name, printer, kinds)
    if settings.default_printer is not None and settings.default_printer not in printers:
        raise ValueError(
            f"default_printer is {settings.default_printer!r}; the configuration has {', '.join(printers)}"
        )
    return printers


def default_printer(settings: PrintingSettings) -> str:
    """The printer that the eight routes speak of, as configured."""
    return settings.default_printer or next(iter(settings.native_printers))


def check_printer(name: str, printer: AnyPrinterSettings, kinds: Kinds) -> None:
    """Raise ValueError unless these can be the settings of a printer that is called so."""
    if not NAME.fullmatch(name):
        raise ValueError(f"printers.{name}: a name has letters, digits, spaces, '.', '_' or '-', at most 100")
    try:
        kinds.of(printer).check(printer)
        if printer.camera_url is not None and printer.camera_snapshot_url is not None:
            raise ValueError("camera_url and camera_snapshot_url are two cameras: configure one")
        if printer.camera_url is not None:
            check_url(printer.camera_url, "camera_url")
        if printer.camera_snapshot_url is not None:
            check_url(printer.camera_snapshot_url, "camera_snapshot_url")
    except ValueError as exc:
        raise ValueError(f"printers.{name}: {exc}") from exc
