"""Which printers could print a job, and why the others can't. Pure: no clock, no database, no printer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from fluxgate_printing.models import BuildVolume
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.queue.requirements import Requirements

__all__ = ["Loaded", "PrinterProfile", "Reason", "ReasonCode", "least_used", "unfit"]

ReasonCode = Literal[
    "on_hold",
    "queue_paused",
    "other_printer",
    "not_allowed",
    "model",
    "group",
    "nozzle",
    "material",
    "filament",
    "build_volume",
    "offline",
    "error",
    "busy",
    "outcome_unknown",
    "bed_not_clear",
    "by_hand",
    "behind",
    "retrying",
]
NOZZLE_TOLERANCE = 0.01


class Reason(msgspec.Struct, frozen=True):
    """Why a printer doesn't print a job now: `code` for programs, `message` for people."""

    code: ReasonCode
    message: str


class PrinterProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What a printer is, as configured; empty or None: not said, and then a job that asks for it isn't refused for it,
    but for `model` and `group`, which have to be said to be met."""

    name: str
    model: str | None = None
    groups: frozenset[str] = frozenset()
    nozzle: float | None = None
    materials: frozenset[str] = frozenset()
    build_volume: BuildVolume | None = None


class Loaded(msgspec.Struct, frozen=True):
    """The spool that a printer has, where somebody said so; `grams` left of it."""

    material: str | None = None
    grams: float | None = None


def unfit(job: JobRecord, printer: PrinterProfile, loaded: Loaded) -> Reason | None:
    """Why this printer can't print the job however long it waits, or until somebody changes its spool; None: it can."""
    if job.target_printer is not None and job.target_printer != printer.name:
        return Reason("other_printer", f"It is for {job.target_printer}.")
    if job.allowed_printers is not None and printer.name not in job.allowed_printers:
        return Reason("not_allowed", f"Whoever queued it may not print on {printer.name}.")
    return None if job.requirements is None else _unmet(job.requirements, printer, loaded)


def _unmet(needs: Requirements, printer: PrinterProfile, loaded: Loaded) -> Reason | None:
    if needs.model is not None and _folded(needs.model) != _folded(printer.model or ""):
        return Reason("model", f"It needs the model {needs.model}; {printer.name} is {printer.model or 'of no model'}.")
    if needs.group is not None and needs.group not in printer.groups:
        return Reason("group", f"It needs a printer of the group {needs.group}.")
    if needs.nozzle is not None and printer.nozzle is not None and _differ(needs.nozzle, printer.nozzle):
        return Reason("nozzle", f"It needs a nozzle of {needs.nozzle:g} mm; {printer.name} has {printer.nozzle:g} mm.")
    return _material(needs, printer, loaded) or _volume(needs, printer)


def _material(needs: Requirements, printer: PrinterProfile, loaded: Loaded) -> Reason | None:
    if needs.material is not None:
        wanted = _folded(needs.material)
        if loaded.material is not None:
            if _folded(loaded.material) != wanted:
                return Reason("material", f"It needs {needs.material}; {printer.name} has {loaded.material} loaded.")
        elif printer.materials and wanted not in {_folded(each) for each in printer.materials}:
            known = ", ".join(sorted(printer.materials))
            return Reason("material", f"It needs {needs.material}; {printer.name} prints {known}.")
    if needs.grams is not None and loaded.grams is not None and needs.grams > loaded.grams:
        return Reason(
            "filament", f"It needs {needs.grams:.0f} g of filament; {printer.name} has {loaded.grams:.0f} g left."
        )
    return None


def _volume(needs: Requirements, printer: PrinterProfile) -> Reason | None:
    size, room = needs.build_volume, printer.build_volume
    if size is None or room is None or (size.x <= room.x and size.y <= room.y and size.z <= room.z):
        return None
    return Reason(
        "build_volume",
        f"It is {size.x:g} × {size.y:g} × {size.z:g} mm; {printer.name} has room for"
        f" {room.x:g} × {room.y:g} × {room.z:g} mm.",
    )


def least_used(printers: Iterable[str], used_seconds: dict[str, int]) -> list[str]:
    """The printers, the one that has printed least first; of two the first by name."""
    return sorted(printers, key=lambda name: (used_seconds.get(name, 0), name))


def _differ(one: float, other: float) -> bool:
    return abs(one - other) > NOZZLE_TOLERANCE


def _folded(text: str) -> str:
    return text.strip().casefold()
