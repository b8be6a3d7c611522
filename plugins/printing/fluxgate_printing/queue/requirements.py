"""What a job needs of the printer that prints it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from fluxgate_printing.files.analysis import FileAnalysis
from fluxgate_printing.models import BuildVolume

__all__ = ["Requirements", "needs_of", "of_material"]

MOST_NAME = 100
MOST_NOZZLE = 10
MOST_SIZE = 100_000
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_NAME)]


class Requirements(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a job needs of its printer; None: nothing in particular. `nozzle` in mm; `group`: of printers; `grams` of
    filament; `build_volume`: the size of what is printed."""

    model: Name | None = None
    group: Name | None = None
    nozzle: Annotated[float, msgspec.Meta(gt=0, le=MOST_NOZZLE)] | None = None
    material: Name | None = None
    grams: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    build_volume: BuildVolume | None = None


def needs_of(analysis: FileAnalysis) -> Requirements | None:
    """What a file says that its printer has to be; None if it says nothing. The model that a slicer names isn't one
    that people give their printers."""
    nozzle = analysis.nozzle_diameter
    size = None if analysis.bounding_box is None else analysis.bounding_box.size
    needs = Requirements(
        nozzle=nozzle if nozzle is not None and 0 < nozzle <= MOST_NOZZLE else None,
        material=analysis.materials[0][:MOST_NAME] if analysis.materials and analysis.materials[0] else None,
        grams=analysis.filament_weight,
        build_volume=BuildVolume(*size) if size is not None and min(size) > 0 and max(size) <= MOST_SIZE else None,
    )
    return None if needs == Requirements() else needs


def of_material(needs: Requirements | None, material: str | None) -> Requirements | None:
    """The same with another material, if one is wanted: whoever prints knows what they print it with."""
    if not material:
        return needs
    return msgspec.structs.replace(needs or Requirements(), material=material[:MOST_NAME])
