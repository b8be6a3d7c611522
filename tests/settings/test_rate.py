"""Rates as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxgate.errors import SettingsError
from fluxgate.settings import LimitSettings, load_settings
from fluxgate.settings.rate import Rate, parse_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("600/m", Rate(600, 60, 600)),
        ("5/s burst 20", Rate(5, 1, 20)),
        ("1/h", Rate(1, 3600, 1)),
        ("1000000/s burst 1", Rate(1_000_000, 1, 1)),
        ("86400/d", Rate(86_400, 86_400, 86_400)),
        ("unlimited", None),
    ],
)
def test_a_rate(text: str, rate: Rate | None) -> None:
    assert parse_rate(text) == rate


NO_RATES = (
    "",
    "0/m",
    "600",
    "600/w",
    "600 / m",
    "-1/m",
    "600/m burst 0",
    "600/m burst",
    "1000001/s",
    "1e3/m",
    "6/m\n",
    "٣/m",
)


@pytest.mark.parametrize("text", NO_RATES)
def test_what_is_no_rate_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be like|can't be more"):
        parse_rate(text)


def test_a_class_that_is_not_named_keeps_its_default() -> None:
    rates = LimitSettings(rates={"write": "1/s", "read": "unlimited", "scans": "2/m"}).all_rates()
    assert rates["write"] == Rate(1, 1, 1)
    assert rates["scans"] == Rate(2, 60, 2)
    assert rates["upload"] == LimitSettings().all_rates()["upload"]
    assert "read" not in rates


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('rates = { write = "often" }', 'rates: write: must be like "600/m"'),
        ('rates = { "No" = "1/s" }', "rates: 'No' is no name of a class"),
        ('redis = "localhost:6379"', "redis: must begin with `redis://`"),
        ("max_json_depth = 0", "limits.max_json_depth"),
        ("plugins.printing.max_runing = 3", "Did you mean `max_running`?"),
        ("plugins.printing.upstreams.fluxprint.max_connections = 0", "upstreams.fluxprint.max_connections"),
    ],
)
def test_a_wrong_setting_is_told_with_its_key(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "fluxgate.toml"
    file.write_text(f"[limits]\n{line}\n")
    with pytest.raises(SettingsError) as told:
        load_settings(file, {})
    assert said in str(told.value).replace("limits.rates", "rates").replace("limits.redis", "redis")
