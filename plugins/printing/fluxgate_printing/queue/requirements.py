"""What a job needs of the printer that prints it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from fluxgate_printing.models import BuildVolume

__all__ = ["Requirements"]

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Requirements(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a job needs of its printer; None: nothing in particular. `nozzle` in mm; `group`: of printers; `grams` of
    filament; `build_volume`: the size of what is printed."""

    model: Name | None = None
    group: Name | None = None
    nozzle: Annotated[float, msgspec.Meta(gt=0, le=10)] | None = None
    material: Name | None = None
    grams: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    build_volume: BuildVolume | None = None
