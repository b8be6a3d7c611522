"""How warm a printer was lately, so that a chart isn't empty when it is opened."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Callable, Mapping

import msgspec

from fluxgate_printing.models import Temperature

__all__ = ["INTERVAL", "SAMPLES", "HeaterColumns", "TemperatureColumns", "TemperatureHistory"]

INTERVAL = 2
"""Seconds from one sample to the next."""
SAMPLES = 450
"""How many are kept: 15 minutes."""
MOST_HEATERS = 16


class HeaterColumns(msgspec.Struct, frozen=True):
    """°C at each of the times; None: not known then."""

    actual: list[float | None]
    target: list[float | None]


class TemperatureColumns(msgspec.Struct, frozen=True, kw_only=True):
    """`times`: Unix time, `interval` seconds from one to the next, the last one now. A heater that hasn't been seen in
    all that time isn't among the `heaters`."""

    interval: int
    times: list[int]
    heaters: dict[str, HeaterColumns]


class TemperatureHistory:
    """Of one printer, from the first time that it is told. A printer's temperatures are told when they change and are
    so until they are told again, without any while it is offline.

    Of what is told within one interval the last is kept: being told costs two comparisons, and each interval is
    written once, when the next begins. `clock`: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: int | None = None
        self._current = 0
        """The interval that isn't written yet, counted like `_first` from the clock's 0."""
        self._told: Mapping[str, Temperature] = {}
        self._written: dict[str, tuple[array[float], array[float]]] = {}

    def tell(self, temperatures: Mapping[str, Temperature]) -> None:
        """So warm it is from now on."""
        self._advance()
        self._told = temperatures

    def columns(self) -> TemperatureColumns:
        """The last 15 minutes, or as much of them as is known."""
        if self._first is None:
            return TemperatureColumns(interval=INTERVAL, times=[], heaters={})
        self._advance()
        first = max(self._first, self._current - SAMPLES + 1)
        began = round(time.time() - (self._current - first) * INTERVAL)
        heaters: dict[str, HeaterColumns] = {}
        for name in self._names():
            actual, target = self._written.get(name) or _nothing()
            now = self._told.get(name, Temperature())
            columns = HeaterColumns(
                [*self._values(actual, first), _rounded(now.actual)],
                [*self._values(target, first), _rounded(now.target)],
            )
            if any(value is not None for value in (*columns.actual, *columns.target)):
                heaters[name] = columns
        times = [began + place * INTERVAL for place in range(self._current - first + 1)]
        return TemperatureColumns(interval=INTERVAL, times=times, heaters=heaters)

    def _names(self) -> list[str]:
        """Of all heaters that were told of; of a printer that makes up ever new ones, the first."""
        return [*self._written, *(name for name in self._told if name not in self._written)][:MOST_HEATERS]

    def _values(self, ring: array[float], first: int) -> list[float | None]:
        return [_rounded(ring[number % SAMPLES]) for number in range(first, self._current)]

    def _advance(self) -> None:
        """Write what is over."""
        now = int(self._clock() // INTERVAL)
        if self._first is None:
            self._first = self._current = now
        if now == self._current:
            return
        for name in self._names():
            if name not in self._written:
                self._written[name] = _nothing()
        over = range(max(self._current, now - SAMPLES), now)
        for name, (actual, target) in self._written.items():
            told = self._told.get(name, Temperature())
            for number in over:
                actual[number % SAMPLES] = math.nan if told.actual is None else told.actual
                target[number % SAMPLES] = math.nan if told.target is None else told.target
        self._current = now


def _nothing() -> tuple[array[float], array[float]]:
    return array("f", [math.nan]) * SAMPLES, array("f", [math.nan]) * SAMPLES


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 1)
