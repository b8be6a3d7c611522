"""The budget of failures, and what is remembered of successes: both bounded."""

from __future__ import annotations

import time

import pytest

from fluxgate.auth import attempts
from fluxgate.auth.attempts import Attempts
from fluxgate.auth.recent import Recent
from fluxgate.errors import TooManyRequestsError


def exhausted(budget: Attempts, address: str) -> bool:
    try:
        budget.check(address)
    except TooManyRequestsError:
        return True
    return False


def test_failures_are_counted_per_network_and_given_back_with_time() -> None:
    budget = Attempts(burst=3, refill=20)
    for _ in range(3):
        assert not exhausted(budget, "192.0.2.1")
        budget.failed("192.0.2.1")
    assert exhausted(budget, "192.0.2.1")
    assert not exhausted(budget, "192.0.2.2")
    deadline = time.monotonic() + 2
    while exhausted(budget, "192.0.2.1"):
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("unknown", "unknown", True),
    ],
)
def test_one_network_is_one_caller(one: str, other: str, same: bool) -> None:
    budget = Attempts(burst=1, refill=0.001)
    budget.failed(one)
    assert exhausted(budget, one)
    assert exhausted(budget, other) is same


def test_a_flood_of_addresses_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_REMEMBERED", 10)
    budget = Attempts(burst=1, refill=0.001)
    for number in range(100):
        budget.failed(f"192.0.2.{number}")
    assert [number for number in range(100) if exhausted(budget, f"192.0.2.{number}")] == list(range(90, 100))


def test_the_least_used_is_forgotten_first() -> None:
    recent: Recent[str] = Recent(2)
    recent.put(b"a", "a", 10)
    recent.put(b"b", "b", 10)
    assert recent.get(b"a", 5) == "a"
    recent.put(b"c", "c", 10)
    assert [recent.get(key, 5) for key in (b"a", b"b", b"c")] == ["a", None, "c"]
    assert recent.get(b"a", 10) is None
    recent.drop(lambda value: value == "c")
    assert recent.get(b"c", 5) is None
