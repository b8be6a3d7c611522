"""The temperatures of the last minutes, on a clock of the test's own."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec
import pytest
from fluxgate_printing.models import Temperature
from fluxgate_printing.printers.temperatures import (
    INTERVAL,
    MOST_HEATERS,
    SAMPLES,
    HeaterColumns,
    TemperatureColumns,
    TemperatureHistory,
)
from hypothesis import given
from hypothesis import strategies as st

HOT, COLD = Temperature(214.84, 215.0), Temperature(21.3, 0.0)


class Kept:
    """A history and its clock, which stands at the middle of an interval."""

    def __init__(self) -> None:
        self.seconds = 1_000_001.0
        self.history = TemperatureHistory(lambda: self.seconds)

    def tell(self, temperatures: Mapping[str, Temperature], then: float = 0) -> None:
        self.history.tell(temperatures)
        self.seconds += then

    @property
    def columns(self) -> TemperatureColumns:
        return self.history.columns()


def test_nothing_was_told() -> None:
    kept = Kept()
    assert kept.columns == TemperatureColumns(interval=INTERVAL, times=[], heaters={})


def test_what_was_told_holds_until_the_next() -> None:
    kept = Kept()
    kept.tell({"tool0": COLD, "bed": COLD}, then=3 * INTERVAL)
    kept.tell({"tool0": HOT, "bed": COLD}, then=2 * INTERVAL)
    cold, hot = [21.3] * 3, [214.8] * 3
    before = time.time()
    columns = kept.columns
    assert columns.heaters == {
        "tool0": HeaterColumns(cold + hot, [0.0] * 3 + [215.0] * 3),
        "bed": HeaterColumns([21.3] * 6, [0.0] * 6),
    }
    assert [later - sooner for sooner, later in zip(columns.times, columns.times[1:], strict=False)] == [INTERVAL] * 5
    assert round(before) <= columns.times[-1] <= round(time.time())
    assert kept.columns.heaters == columns.heaters, "looking changes nothing"


def test_of_one_interval_the_last_is_kept() -> None:
    kept = Kept()
    for actual in (1.0, 2.0, 3.0):
        kept.tell({"bed": Temperature(actual, None)}, then=0.1)
    kept.seconds += INTERVAL
    assert kept.columns.heaters == {"bed": HeaterColumns([3.0, 3.0], [None, None])}


def test_a_gap_is_null_and_a_heater_comes_later() -> None:
    kept = Kept()
    kept.tell({"bed": HOT}, then=INTERVAL)
    kept.tell({}, then=2 * INTERVAL)
    kept.tell({"bed": COLD, "tool1": COLD})
    assert msgspec.json.decode(msgspec.json.encode(kept.columns.heaters)) == {
        "bed": {"actual": [214.8, None, None, 21.3], "target": [215.0, None, None, 0.0]},
        "tool1": {"actual": [None, None, None, 21.3], "target": [None, None, None, 0.0]},
    }


@pytest.mark.parametrize("more", [0, 1, SAMPLES - 1, SAMPLES, 10 * SAMPLES])
def test_it_goes_back_so_far_and_no_further(more: int) -> None:
    kept = Kept()
    kept.tell({"tool0": HOT}, then=SAMPLES * INTERVAL)
    kept.tell({"bed": COLD}, then=more * INTERVAL)
    columns = kept.columns
    hot = max(SAMPLES - 1 - more, 0)
    assert len(columns.times) == SAMPLES
    assert columns.heaters["bed"].actual == [None] * hot + [21.3] * (SAMPLES - hot)
    assert ("tool0" in columns.heaters) == (hot > 0)
    if hot:
        assert columns.heaters["tool0"].actual == [214.8] * hot + [None] * (SAMPLES - hot)


@given(st.lists(st.tuples(st.integers(0, 500), st.none() | st.integers(-20, 300)), min_size=1, max_size=12))
def test_as_if_every_second_had_been_written_down(told: list[tuple[int, int | None]]) -> None:
    kept = Kept()
    plain: list[float | None] = []
    for intervals, actual in told:
        kept.tell({} if actual is None else {"bed": Temperature(float(actual), 0.0)}, then=intervals * INTERVAL)
        plain += [actual] * intervals
    plain = [*plain, told[-1][1]][-SAMPLES:]
    columns = kept.columns
    assert len(columns.times) == len(plain)
    expected = plain if any(value is not None for value in plain) else None
    assert expected == (columns.heaters["bed"].actual if "bed" in columns.heaters else None)


def test_what_no_number_can_be_and_ever_new_heaters() -> None:
    kept = Kept()
    for number in range(3 * MOST_HEATERS):
        kept.tell({f"tool{number}": Temperature(1e300, float("nan")), "bed": COLD}, then=INTERVAL)
    columns = kept.columns
    assert list(columns.heaters) == ["bed"]
    assert columns.heaters["bed"].actual[-1] == 21.3
