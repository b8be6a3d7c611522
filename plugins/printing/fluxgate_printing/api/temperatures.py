"""How warm printers were lately, for charts. How warm they are is in `reads.py`."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from fluxgate_printing.access import WATCH_ONE
from fluxgate_printing.api import docs
from fluxgate_printing.printers.temperatures import TemperatureColumns
from fluxgate_printing.service import PrintingService


@get(
    "/printers/{printer:str}/temperature/history",
    summary="Temperatures of the last 15 minutes",
    policy=WATCH_ONE,
    doc=docs.TEMPERATURE_HISTORY,
)
async def history(printer: FromPath[str], service: NamedDependency[PrintingService]) -> TemperatureColumns:
    """From memory: nothing from before the gateway started, or the printer's settings were changed. Null where the
    printer was offline."""
    return service.station(printer).temperatures.columns()
