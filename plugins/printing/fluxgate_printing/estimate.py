"""How long a print will take, and how much material.

What the file says is corrected by what this printer made of such sayings before: the median of actual by estimated
time, drawn towards 1 while there are few prints. A file that says nothing is guessed by its size, and that is said.
Pure: no clock, no database.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Literal

import msgspec

__all__ = ["Correction", "Forecast", "correction", "forecast"]

DOUBT = 5
"""As many prints as the slicer's word counts for."""
SPREAD = 0.15
"""How far a slicer's word may be off, either way, before a printer has shown how far it is."""
SANE = (0.2, 5.0)
"""A print whose ratio is beyond this was interrupted, or its estimate was of something else."""

GUESSED_SECONDS_PER_MB = 1600.0
GUESSED_GRAMS_PER_HOUR = 12.0
GUESSED_SPREAD = 4.0
SHORTEST = 60.0
"""Nothing is printed in less than a minute: the printer has to get warm."""

Confidence = Literal["high", "low"]


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """What to multiply the slicer's time with, `low` and `high` being the bounds of most prints; `prints`: how many it
    is drawn from."""

    ratio: float
    low: float
    high: float
    prints: int


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds and g of all copies. `sliced`: the slicer's own seconds, None if it says nothing; `basis` says in words
    where the figures come from."""

    seconds: float
    seconds_low: float
    seconds_high: float
    grams: float
    sliced: float | None
    confidence: Confidence
    basis: str
    correction: Correction


def correction(actual_and_estimated: Sequence[tuple[float, float]]) -> Correction:
    """From the (actual, estimated) seconds of prints that were completed; pairs that make no sense are left out."""
    ratios = sorted(actual / estimated for actual, estimated in actual_and_estimated if actual > 0 and estimated > 0)
    ratios = [ratio for ratio in ratios if SANE[0] <= ratio <= SANE[1]]
    middle = _shrunk(median(ratios), 1.0, len(ratios)) if ratios else 1.0
    low = _shrunk(_quantile(ratios, 0.1), 1 - SPREAD, len(ratios)) if ratios else 1 - SPREAD
    high = _shrunk(_quantile(ratios, 0.9), 1 + SPREAD, len(ratios)) if ratios else 1 + SPREAD
    return Correction(ratio=middle, low=min(low, middle), high=max(high, middle), prints=len(ratios))


def forecast(*, size: int, seconds: float | None, grams: float | None, copies: int, history: Correction) -> Forecast:
    """For `copies` of a file of `size` bytes, of which one takes `seconds` and `grams` as it says itself, or None."""
    if seconds is None:
        return _guessed(size, grams, copies, history)
    corrected = seconds * history.ratio
    text = "The slicer's time"
    if history.prints:
        prints = "1 print" if history.prints == 1 else f"{history.prints} prints"
        text += f", corrected by {prints} of this printer"
    weight = grams
    if weight is None:
        text += "; the file doesn't say its filament, which is guessed from the time"
        weight = seconds / 3600 * GUESSED_GRAMS_PER_HOUR
    return Forecast(
        seconds=corrected * copies,
        seconds_low=seconds * history.low * copies,
        seconds_high=seconds * history.high * copies,
        grams=weight * copies,
        sliced=seconds * copies,
        confidence="high" if grams is not None else "low",
        basis=f"{text}.",
        correction=history,
    )


def _guessed(size: int, grams: float | None, copies: int, history: Correction) -> Forecast:
    seconds = max(size / 1e6 * GUESSED_SECONDS_PER_MB, SHORTEST)
    if grams is not None:
        seconds = max(grams / GUESSED_GRAMS_PER_HOUR * 3600, SHORTEST)
    return Forecast(
        seconds=seconds * copies,
        seconds_low=seconds / GUESSED_SPREAD * copies,
        seconds_high=seconds * GUESSED_SPREAD * copies,
        grams=(seconds / 3600 * GUESSED_GRAMS_PER_HOUR if grams is None else grams) * copies,
        sliced=None,
        confidence="low",
        basis="The file doesn't say how long it takes: guessed from its "
        + ("size." if grams is None else "filament's weight."),
        correction=history,
    )


def _shrunk(seen: float, expected: float, prints: int) -> float:
    return (prints * seen + DOUBT * expected) / (prints + DOUBT)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Between two values that are there, by the distance to each."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
