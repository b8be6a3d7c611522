"""What a dashboard's forms offer: prices, qualities, temperatures. It is as configured, so it is made once."""

from __future__ import annotations

from typing import get_args

from litestar import get
from litestar.di import NamedDependency

from fluxgate_printing.access import VIEW
from fluxgate_printing.api import docs
from fluxgate_printing.api.job_schemas import Quality
from fluxgate_printing.api.option_schemas import MaterialPrice, OptionsView, Preset
from fluxgate_printing.costs import Costs
from fluxgate_printing.settings import PrintingSettings


@get("/options", summary="What forms offer", policy=VIEW, doc=docs.OPTIONS)
async def show(options: NamedDependency[OptionsView]) -> OptionsView:
    """Prices, qualities and temperatures, as configured."""
    return options


def options_view(settings: PrintingSettings) -> OptionsView:
    """What `GET /options` answers."""
    costs = Costs(settings.costs)
    return OptionsView(
        currency=costs.currency,
        machine_per_hour=costs.per_hour,
        materials=[MaterialPrice(type=kind, price_per_kg=price) for kind, price in costs.prices.items()],
        qualities=list(get_args(Quality)),
        presets=[Preset(name=name, hotend=preset.hotend, bed=preset.bed) for name, preset in settings.presets.items()],
    )
