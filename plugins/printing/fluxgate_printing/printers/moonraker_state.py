"""What Klipper says of itself through Moonraker, and what that means as a `PrinterState`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from fluxgate_printing.models import FilamentUse, PrinterState, PrinterStatus, Temperature
from fluxgate_printing.printers.base import PrinterRejectedError

MAX_TOOLS = 8

HEATERS = {f"tool{number}": f"extruder{number or ''}" for number in range(MAX_TOOLS)} | {"bed": "heater_bed"}
"""Klipper's names of the heaters, by ours."""

Objects = Mapping[str, Mapping[str, object]]
"""Klipper's objects and their fields, as they come; one that the printer doesn't have is empty."""

WANTED: dict[str, tuple[str, ...]] = {
    "webhooks": ("state", "state_message"),
    "print_stats": ("filename", "state", "message", "total_duration", "print_duration"),
    "virtual_sdcard": ("progress",),
} | dict.fromkeys(HEATERS.values(), ("temperature", "target"))
"""What to ask for."""

TEXTS: dict[PrinterStatus, str] = {
    "offline": "Offline",
    "connecting": "Connecting",
    "idle": "Operational",
    "printing": "Printing",
    "paused": "Paused",
    "error": "Error",
}

T = TypeVar("T")


class Webhooks(msgspec.Struct, frozen=True):
    """How Klipper itself is: `startup`, `ready`, `shutdown` or `error`, and what it says to that."""

    state: str = "startup"
    state_message: str = ""


class PrintStats(msgspec.Struct, frozen=True):
    """The current print or the last one: `standby`, `printing`, `paused`, `complete`, `cancelled` or `error`.

    `total_duration` has pauses in it; `print_duration` neither them nor the time before any filament was pushed.
    """

    filename: str = ""
    state: str = "standby"
    message: str = ""
    total_duration: float = 0.0
    print_duration: float = 0.0


class _VirtualSd(msgspec.Struct, frozen=True):
    progress: float = 0.0


class _Heater(msgspec.Struct, frozen=True):
    temperature: float | None = None
    target: float | None = None


class ServerInfo(msgspec.Struct, frozen=True):
    """`GET /server/info`; `klippy_state` is `disconnected` or what `Webhooks.state` is."""

    klippy_connected: bool
    klippy_state: str


class FileFacts(msgspec.Struct, frozen=True):
    """What Moonraker found in a file: seconds that it takes, mm of filament."""

    estimated_time: float | None = None
    filament_total: float | None = None


class _FolderFile(msgspec.Struct, frozen=True):
    filename: str


class FolderBody(msgspec.Struct, frozen=True):
    """`GET /server/files/directory`."""

    files: tuple[_FolderFile, ...] = ()

    def has(self, name: str) -> bool:
        """Whether it has a file of that name."""
        return any(file.filename == name for file in self.files)


def folder_and_name(file: str) -> tuple[str, str]:
    """Where Moonraker has a file that Klipper prints, and what it is called there."""
    folder, _, name = file.rpartition("/")
    return f"gcodes/{folder}".rstrip("/"), name


def part(objects: Objects, name: str, shape: type[T]) -> T:
    """The object `name` as `shape`, its defaults if the printer has none; `PrinterRejectedError` for another shape."""
    try:
        return msgspec.convert(objects.get(name) or {}, shape)
    except msgspec.ValidationError as exc:
        raise PrinterRejectedError("The server's answer isn't Moonraker's.") from exc


def loaded_file(objects: Objects) -> str | None:
    """The file that is printed, or was printed last."""
    return part(objects, "print_stats", PrintStats).filename or None


def connected_state(objects: Objects, facts: FileFacts | None, observed_at: float) -> PrinterState:
    """The state of a printer whose Klipper answers. `facts`: of the loaded file; None if Moonraker has no such file.

    `print_time` has pauses in it: Klipper's other figure lacks the time before any filament is pushed.
    """
    klipper = part(objects, "webhooks", Webhooks)
    if klipper.state != "ready":
        status: PrinterStatus = "error" if klipper.state in {"shutdown", "error"} else "connecting"
        error = _sentence(klipper.state_message) if status == "error" else None
        return PrinterState(status=status, text=TEXTS[status], error=error, observed_at=observed_at)
    stats = part(objects, "print_stats", PrintStats)
    status = _status(stats.state)
    state = PrinterState(status=status, text=TEXTS[status], temperature=_temperatures(objects), observed_at=observed_at)
    if status == "error":
        return msgspec.structs.replace(state, error=_sentence(stats.message) or "The print failed.")
    if not stats.filename or (status == "idle" and facts is None):
        return state  # what it last printed may have been deleted, which Klipper isn't told
    state = msgspec.structs.replace(
        state,
        file=stats.filename,
        estimated_print_time=facts.estimated_time if facts else None,
        filament={"tool0": FilamentUse(length=facts.filament_total)} if facts and facts.filament_total else None,
    )
    if status == "idle" and stats.state != "complete":
        return state
    done = 1.0 if stats.state == "complete" else part(objects, "virtual_sdcard", _VirtualSd).progress
    return msgspec.structs.replace(
        state, completion=done * 100, print_time=stats.total_duration, print_time_left=_left(stats, facts, done)
    )


def unconnected_state(info: ServerInfo, observed_at: float, *, found: bool) -> PrinterState:
    """The state when Moonraker has nothing to tell of the printer. `found`: it had a Klipper since it was started, and
    lost it.

    One that it hasn't found yet may be printing: it doesn't care whether Moonraker runs.
    """
    if info.klippy_connected or not found:
        return PrinterState(status="connecting", text=TEXTS["connecting"], observed_at=observed_at)
    return PrinterState(
        status="offline", text=TEXTS["offline"], error="Klipper isn't running.", observed_at=observed_at
    )


def _status(state: str) -> PrinterStatus:
    # finished and cancelled prints leave the printer ready for the next
    statuses: dict[str, PrinterStatus] = {"printing": "printing", "paused": "paused", "error": "error"}
    return statuses.get(state, "idle")


def _temperatures(objects: Objects) -> dict[str, Temperature]:
    heaters = {ours: part(objects, theirs, _Heater) for ours, theirs in HEATERS.items()}
    return {
        name: Temperature(actual=heater.temperature, target=heater.target)
        for name, heater in heaters.items()
        if heater.temperature is not None
    }


def _left(stats: PrintStats, facts: FileFacts | None, done: float) -> float | None:
    if done >= 1:
        return 0.0
    if facts is not None and facts.estimated_time is not None:
        return max(facts.estimated_time * (1 - done), 0.0)
    return (stats.print_duration or stats.total_duration) * (1 / done - 1) if done > 0 else None


def _sentence(message: str) -> str | None:
    """Klipper's reason without the advice that follows it in further lines."""
    return message.strip().partition("\n")[0].strip()[:200] or None
