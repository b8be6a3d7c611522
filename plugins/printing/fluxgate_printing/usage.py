"""How much material a print takes: what its file says, and how much of that a print that ended short has used.

The one place that knows where a file's analysis (the column `files.analysis`) has its filament.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["DENSITIES", "FILAMENT_DIAMETER", "material_of", "planned_grams", "planned_seconds", "used_grams"]

DENSITIES: Mapping[str, float] = {
    "PLA": 1.24,
    "PETG": 1.27,
    "ABS": 1.04,
    "ASA": 1.07,
    "TPU": 1.21,
    "NYLON": 1.12,
    "PA": 1.12,
    "PC": 1.20,
}
"""g/cm³, by type."""
FILAMENT_DIAMETER = 1.75
_MOST_GRAMS = 99_999_999.99
"""What the column takes."""

Analysis = Mapping[str, Any]


def planned_seconds(analysis: Analysis | None) -> float | None:
    """How long the slicer says that one copy takes."""
    return _positive((analysis or {}).get("estimated_time"))


def planned_grams(analysis: Analysis | None, *, density: float, material: str | None = None) -> float | None:
    """What one copy takes, in g: as the slicer says, for all tools or one by one; else by volume, else by length.

    `density` (g/cm³) is for a material that isn't known. None: the file says nothing of its filament.
    """
    said = analysis or {}
    weight = _positive(said.get("filament_weight")) or _positive(said.get("filament_grams"))
    weight = weight or _summed(said.get("tools"), "weight") or _summed(said.get("filament"), "grams")
    if weight is not None:
        return weight
    volume = _positive(said.get("filament_volume"))
    if volume is None and (length := _positive(said.get("filament_length"))) is not None:
        volume = length * math.pi * (FILAMENT_DIAMETER / 2) ** 2 / 1000
    known = (material or material_of(analysis) or "").upper()
    return None if volume is None else volume * DENSITIES.get(known, density)


def material_of(analysis: Analysis | None) -> str | None:
    """The material of the first tool that has one."""
    materials = (analysis or {}).get("materials")
    if not isinstance(materials, list | tuple):
        return None
    return next((name.strip()[:50] for name in materials if isinstance(name, str) and name.strip()), None)


def used_grams(planned: float, status: str, progress: float) -> float:
    """What a print that ended took, of `planned` grams: all of it if completed, else as far as it got (percent)."""
    share = 1.0 if status == "completed" else min(max(progress, 0.0), 100.0) / 100
    return min(planned * share, _MOST_GRAMS)


def _positive(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if math.isfinite(value) and value > 0 else None


def _summed(tools: object, key: str) -> float | None:
    if not isinstance(tools, list | tuple):
        return None
    weights = [_positive(tool.get(key)) for tool in tools if isinstance(tool, Mapping)]
    return sum(weight for weight in weights if weight is not None) or None
