"""What is known of a file from its own text: the shape of `files.analysis`, which outlives the code that wrote it.

A row without one, or with one of an older `VERSION`, is read again in the background (`analyser.py`).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = ["VERSION", "Box", "FileAnalysis", "Thumbnail", "ToolUse"]

VERSION = 1
"""Of the shape, and of what is read into it: one more whenever a file would say more than before."""


class ToolUse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tool's part: filament `length` in mm, `volume` in cm³, `weight` in g (0: the tool isn't used), its `material`
    (`PLA`) and nozzle diameter in mm. None: the file doesn't say."""

    length: float | None = None
    volume: float | None = None
    weight: float | None = None
    material: str | None = None
    nozzle_diameter: float | None = None


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """Two corners in mm, in the printer's coordinates."""

    min: tuple[float, float, float]
    max: tuple[float, float, float]

    @property
    def size(self) -> tuple[float, float, float]:
        """Width, depth, height."""
        (left, front, bottom), (right, back, top) = self.min, self.max
        return round(right - left, 3), round(back - front, 3), round(top - bottom, 3)


class Thumbnail(msgspec.Struct, frozen=True, kw_only=True):
    """A picture in the file: pixels as its own header says, and where its base64 text lies (bytes of the file)."""

    format: Literal["png", "jpeg", "qoi"]
    width: int
    height: int
    offset: int
    length: int


class FileAnalysis(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Seconds, mm, cm³, g, °C. None or empty: the file doesn't say.

    `filament_…` are sums over `tools`; `materials` and `nozzle_diameter` (the first tool's) are in `tools` too.
    `height`: where the highest layer ends. Temperatures are the first layer's, of the first tool.
    """

    version: int = 0
    slicer: str | None = None
    slicer_version: str | None = None
    printer_model: str | None = None
    estimated_time: float | None = None
    filament_length: float | None = None
    filament_volume: float | None = None
    filament_weight: float | None = None
    materials: tuple[str, ...] = ()
    tools: tuple[ToolUse, ...] = ()
    layer_height: float | None = None
    first_layer_height: float | None = None
    layer_count: int | None = None
    height: float | None = None
    bounding_box: Box | None = None
    nozzle_diameter: float | None = None
    nozzle_temperature: float | None = None
    bed_temperature: float | None = None
    thumbnails: tuple[Thumbnail, ...] = ()

    @property
    def slicer_text(self) -> str | None:
        """`PrusaSlicer 2.9.0`."""
        return " ".join(part for part in (self.slicer, self.slicer_version) if part) or None

    @staticmethod
    def of(column: dict[str, Any] | None) -> FileAnalysis:
        """What a row's column says; nothing, as version 0, where it can't be read."""
        try:
            return msgspec.convert(column or {}, FileAnalysis, strict=False)
        except msgspec.ValidationError:
            return FileAnalysis()

    def to_column(self) -> dict[str, Any]:
        """As `FileAnalysis.of` takes it."""
        column: dict[str, Any] = msgspec.to_builtins(self)
        return column
