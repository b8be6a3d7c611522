"""The JSON of the prints of some days in numbers. Seconds, g, percent, amounts in the settings' currency."""

from __future__ import annotations

from datetime import date

import msgspec


class DayStats(msgspec.Struct, kw_only=True, rename="camel"):
    """What ended on one day, in the zone that was asked for."""

    day: date
    completed: int
    failed: int
    canceled: int
    print_seconds: int
    material_grams: float


class PrinterStats(msgspec.Struct, kw_only=True, rename="camel"):
    """What one printer printed; null: what no printer did, because it was canceled before. `jobs` has those that were
    canceled, too."""

    printer: str | None
    jobs: int
    completed: int
    failed: int
    print_seconds: int
    material_grams: float


class MaterialStats(msgspec.Struct, kw_only=True, rename="camel"):
    """What was printed of one type of material; null: not known. `cost`: of the material alone."""

    material: str | None
    jobs: int
    grams: float
    cost: float


class JobStats(msgspec.Struct, kw_only=True, rename="camel"):
    """`GET /jobs/stats`. `success_rate`: percent of the prints that ended by themselves, null while there is none;
    seconds, grams and cost are of all that was printed, also of what failed. `days`: each of the range, the earliest
    first; `printers`, `materials`: most jobs first."""

    total: int
    completed: int
    failed: int
    canceled: int
    success_rate: float | None
    print_seconds: int
    material_grams: float
    cost: float
    currency: str
    days: list[DayStats]
    printers: list[PrinterStats]
    materials: list[MaterialStats]
