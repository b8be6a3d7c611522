"""What a print costs: material by its type and weight, machine by the hour. Amounts are rounded to the cent."""

from __future__ import annotations

from fluxgate_printing.settings import CostSettings

__all__ = ["Costs"]


class Costs:
    """The prices of `[plugins.printing.costs]`. `prices`: of a kg by type, in upper case; `per_hour`: of printing."""

    def __init__(self, settings: CostSettings) -> None:
        self.currency = settings.currency
        self.density = settings.density
        self.prices = {name.upper(): price for name, price in settings.materials.items()}
        self.per_hour = settings.machine_per_hour
        self._default = settings.default_material

    def material(self, kind: str | None, grams: float) -> float:
        """Of so many g of a type of material."""
        return round(self.prices.get((kind or "").strip().upper(), self._default) * grams / 1000, 2)

    def machine(self, seconds: float) -> float:
        """Of so many seconds of printing."""
        return round(self.per_hour * seconds / 3600, 2)

    def print(self, kind: str | None, grams: float | None, seconds: float | None) -> float | None:
        """Of a print; None while nothing is known of what it took."""
        if grams is None and seconds is None:
            return None
        return round(self.material(kind, grams or 0.0) + self.machine(seconds or 0.0), 2)
