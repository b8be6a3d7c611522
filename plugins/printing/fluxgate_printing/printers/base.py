"""The driver interface: what the plugin asks of any printer. New protocols are added by implementing `PrinterDriver`.

PrinterError
├── PrinterOfflineError      no answer, or the server has no printer: try later
├── PrinterBusyError         it is printing, or in a state that doesn't take this command
├── PrinterRejectedError     it answered no: bad file, not supported
│   └── PrinterLoginError    wrong key, or none
└── PrinterOutcomeUnknown    the command left and no answer came: it may have been carried out; never retry by itself
"""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from fluxgate_printing.models import PrinterState

MAX_NAME_BYTES = 255

Capability = Literal["push", "temperature", "home", "jog", "gcode"]
"""What not every printer can. `push`: it tells of its state by itself (`watch`); the others are commands of
`PrinterDriver`."""
Axis = Literal["x", "y", "z"]


class PrinterError(Exception):
    """Base of all driver errors. The text is for people and names no internal address."""


class PrinterOfflineError(PrinterError):
    """No answer, or no printer behind the server."""


class PrinterBusyError(PrinterError):
    """The printer's state doesn't take this command now."""


class PrinterRejectedError(PrinterError):
    """The printer answered no."""


class PrinterLoginError(PrinterRejectedError):
    """It doesn't let the gateway in. `mend`: where its people find what it wants."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.mend = mend


class PrinterOutcomeUnknown(PrinterError):  # noqa: N818 - an outcome, not an error name
    """The command left, no answer came: whether it was carried out isn't known."""


def check_name(name: str) -> str:
    """`name` if it can name one file on any printer; else `PrinterRejectedError`.

    The last guard before a path or a URL is made of it.
    """
    if (
        not name
        or name in {".", ".."}
        or any(c in "/\\" or unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in name)
        or len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES
    ):
        raise PrinterRejectedError("That isn't a usable file name.")
    return name


def not_now(state: PrinterState) -> PrinterError:
    """Why a printer in `state` takes no command that another state is for."""
    if state.status in {"offline", "connecting"}:
        return PrinterOfflineError(f"The printer isn't connected ({state.text}).")
    if state.status == "error":
        return PrinterBusyError(f"The printer is stopped by an error: {state.error or state.text}")
    return PrinterBusyError(f"The printer doesn't take this now ({state.text}).")


class PrinterDriver(ABC):
    """One printer. Methods raise `PrinterError`s only; none but `watch` blocks for longer than the driver's timeout.

    `capabilities`: what it can besides what every driver must. A command that isn't among them raises
    `PrinterRejectedError`. Whether a value is within the printer's bounds, and whether the caller may, was checked
    before.
    """

    capabilities: frozenset[Capability] = frozenset()

    @abstractmethod
    async def read_state(self) -> PrinterState:
        """Ask the printer, now.

        An unreachable printer raises `PrinterOfflineError`; one that answers `offline` is a state.
        """

    @abstractmethod
    async def upload(self, name: str, path: Path) -> str:
        """Send the file at `path`, streamed; overwrites. Doesn't select or start it. Repeating it is harmless.

        Returns the name that the printer gave it, which may differ from `name` (servers sanitise names): it is the one
        to use from then on, and the one in `PrinterState.file`. `PrinterBusyError` while a file of that name is
        printed.
        """

    @abstractmethod
    async def start(self, name: str) -> None:
        """Start printing an uploaded file.

        Success means the command was taken, not that the printer moves: read the state.
        `PrinterBusyError` unless the printer, asked just before, is idle; `PrinterRejectedError` for a file it doesn't
        have.
        """

    @abstractmethod
    async def pause(self) -> None:
        """Pause; a no-op when already paused; `PrinterBusyError` when nothing prints."""

    @abstractmethod
    async def resume(self) -> None:
        """Resume; a no-op when printing; `PrinterBusyError` when nothing is paused."""

    @abstractmethod
    async def cancel(self) -> None:
        """Cancel the print; `PrinterBusyError` when nothing prints."""

    @abstractmethod
    async def connect(self) -> None:
        """Have the server (re)connect to its printer; a no-op when connected."""

    @abstractmethod
    async def delete_file(self, name: str) -> None:
        """Remove an uploaded file; a no-op if missing; `PrinterBusyError` while it is printed."""

    def watch(self) -> AsyncIterator[PrinterState]:
        """The printer's states as it tells them, over one connection: a whole one at once, then each that differs, and
        the latest again at least every 10 s as long as the printer's server is heard of.

        Ends with `PrinterError` when the connection is lost, or can't be made; closing the iterator closes it. Only
        with the capability `push`.
        """
        raise PrinterRejectedError("This printer doesn't tell its state by itself.")

    async def set_temperature(self, heater: str, target: float) -> None:
        """Heat `tool0`, `tool1`, … or `bed` to `target` °C (0: off). Returns when the command was taken."""
        raise PrinterRejectedError("This printer's temperatures can't be set from here.")

    async def home(self, axes: Sequence[Axis]) -> None:
        """Drive these axes home. `PrinterBusyError` while it prints."""
        raise PrinterRejectedError("This printer can't be homed from here.")

    async def jog(self, moves: Mapping[Axis, float], speed: float | None = None) -> None:
        """Move by so many mm, at `speed` mm/min. `PrinterBusyError` while it prints."""
        raise PrinterRejectedError("This printer can't be moved from here.")

    async def send_gcode(self, commands: Sequence[str]) -> None:
        """Have the printer carry out these lines, one command each. `PrinterBusyError` while it prints."""
        raise PrinterRejectedError("This printer takes no G-code from here.")

    @abstractmethod
    async def camera_url(self) -> str | None:
        """The MJPEG stream's URL that the printer itself announces; None if it has none."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close connections. The printer goes on as it is."""
