"""Estimates: from the file's own word, corrected by the printer's past, or guessed, which is said."""

from __future__ import annotations

import math
from typing import Any

import pytest
from fluxgate_printing.costs import Costs
from fluxgate_printing.estimate import DOUBT, SANE, Forecast, correction, forecast
from fluxgate_printing.settings import CostSettings
from fluxgate_printing.usage import material_of, planned_grams, planned_seconds, used_grams
from hypothesis import given
from hypothesis import strategies as st

seconds = st.floats(min_value=1, max_value=1e7)
pairs = st.lists(st.tuples(st.floats(-1e6, 1e7), st.floats(-1e6, 1e7)), max_size=60)


@given(pairs)
def test_a_correction_is_within_its_bounds(past: list[tuple[float, float]]) -> None:
    found = correction(past)
    assert 0 < found.low <= found.ratio <= found.high
    assert SANE[0] <= found.ratio <= SANE[1]
    assert 0 <= found.prints <= len(past)


@given(st.floats(0.3, 4.0), st.integers(0, 50), seconds)
def test_one_print_says_little_and_many_say_it_all(ratio: float, prints: int, time: float) -> None:
    found = correction([(time * ratio, time)] * prints)
    assert found.prints == prints
    assert found.ratio == pytest.approx((prints * ratio + DOUBT) / (prints + DOUBT))
    assert min(1.0, ratio) - 1e-9 <= found.ratio <= max(1.0, ratio) + 1e-9


@given(pairs, st.integers(1, 10**10), st.none() | seconds, st.none() | st.floats(0.01, 1e5), st.integers(1, 1000))
def test_every_figure_of_a_forecast_makes_sense(
    past: list[tuple[float, float]], size: int, time: float | None, grams: float | None, copies: int
) -> None:
    one = forecast(size=size, seconds=time, grams=grams, copies=1, history=correction(past))
    many = forecast(size=size, seconds=time, grams=grams, copies=copies, history=correction(past))
    for taken in (one, many):
        assert all(math.isfinite(value) for value in (taken.seconds, taken.grams))
        assert 0 < taken.seconds_low <= taken.seconds <= taken.seconds_high
        assert taken.grams > 0
        assert taken.confidence == ("high" if time is not None and grams is not None else "low")
        assert "guessed" in taken.basis or taken.confidence == "high"
    assert many.seconds == pytest.approx(one.seconds * copies)
    assert many.grams == pytest.approx(one.grams * copies)


def of(**said: Any) -> Forecast:
    values = {"size": 2_000_000, "seconds": 3600.0, "grams": 10.0, "copies": 1, "history": correction([]), **said}
    return forecast(**values)


def test_the_slicers_word_without_a_past() -> None:
    taken = of()
    assert (taken.seconds, taken.grams, taken.sliced, taken.confidence) == (3600.0, 10.0, 3600.0, "high")


def test_a_slow_printers_past() -> None:
    taken = of(history=correction([(4500.0, 3600.0)] * 15))
    assert taken.seconds == pytest.approx(3600 * (15 * 1.25 + 5) / 20)
    assert "15 prints" in taken.basis


def test_prints_that_were_something_else_dont_count() -> None:
    assert correction([(1, 3600), (90_000, 3600), (0, 3600), (3600, 0)]).prints == 0


@pytest.mark.parametrize(
    ("analysis", "grams"),
    [
        ({"filament_weight": 12.5}, 12.5),
        ({"filament_grams": 12.5}, 12.5),
        ({"tools": [{"weight": 2.0}, {"weight": 0}, {"weight": 1.5}, {}]}, 3.5),
        ({"filament": [{"grams": 2.0}, {"grams": None}]}, 2.0),
        ({"filament_volume": 10.0}, 20.0),
        ({"filament_volume": 10.0, "materials": ["petg"]}, 12.7),
        ({"filament_length": 1000.0}, math.pi * 0.875**2 * 2),
        ({"filament_weight": 0, "filament_volume": 1.0}, 2.0),
        ({"filament_weight": "heavy"}, None),
        ({"filament_weight": math.inf}, None),
        ({"filament_weight": True, "tools": 7, "filament": "x", "materials": 3}, None),
        ({}, None),
        (None, None),
    ],
)
def test_grams_of_an_analysis(analysis: Any, grams: float | None) -> None:
    found = planned_grams(analysis, density=2.0)
    assert found == (None if grams is None else pytest.approx(grams))


def test_time_and_material_of_an_analysis() -> None:
    assert planned_seconds({"estimated_time": 5400.0}) == 5400.0
    assert planned_seconds({"estimated_time": -1}) is planned_seconds(None) is None
    assert material_of({"materials": ["", " PLA ", "PETG"]}) == "PLA"
    assert material_of({"materials": None}) is material_of(None) is None


@given(st.floats(0, 1e12), st.sampled_from(["completed", "failed", "canceled"]), st.floats(-10, 200))
def test_what_is_used_is_at_most_what_was_planned(planned: float, status: str, progress: float) -> None:
    used = used_grams(planned, status, progress)
    assert 0 <= used <= planned
    assert used < 10**8
    if status == "completed" and planned < 10**7:
        assert used == planned


def test_costs() -> None:
    costs = Costs(CostSettings(materials={"pla": 20.0}, default_material=50.0, machine_per_hour=0.5))
    assert (costs.material("PLA", 100), costs.material("pla ", 100)) == (2.0, 2.0)
    assert (costs.material("PEEK", 100), costs.material(None, 100)) == (5.0, 5.0)
    assert costs.machine(5400) == 0.75
    assert costs.print("PLA", 100, 5400) == 2.75
    assert costs.print("PLA", None, 7200) == 1.0
    assert costs.print("PLA", None, None) is None
