"""The JSON of what forms offer."""

from __future__ import annotations

import msgspec

from fluxgate_printing.api.job_schemas import Quality


class MaterialPrice(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a kg of a type of material costs."""

    type: str
    price_per_kg: float


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """Temperatures to warm up to, in °C; 0 is off."""

    name: str
    hotend: float
    bed: float


class OptionsView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`GET /options`. `materials`: those that have a price of their own, in `currency`; `machine_per_hour`: the price
    of an hour of printing; `qualities`: of an estimate or a quick print; `presets`: in the order of the
    configuration."""

    currency: str
    machine_per_hour: float
    materials: list[MaterialPrice]
    qualities: list[Quality]
    presets: list[Preset]
