"""What was tried against the gateway, and what got through: every attack is entered, and a test fails for each that
did.
"""

from __future__ import annotations

from collections import Counter

__all__ = ["PROPERTY", "Ledger", "summary"]

PROPERTY = "adversarial"


class Ledger:
    """The attacks of one test, all of one `category`."""

    def __init__(self, category: str) -> None:
        self.category = category
        self.tried = 0
        self.through: list[str] = []

    def enter(self, attack: str, *, through: object) -> None:
        """One attack was tried; `through`: it had the effect that it was after."""
        self.tried += 1
        if through:
            self.through.append(f"{attack}: {through}" if through is not True else attack)


def summary(entries: list[tuple[str, int, int]]) -> list[str]:
    """Lines for people: by category, how many were tried and got through."""
    tried: Counter[str] = Counter()
    through: Counter[str] = Counter()
    for category, count, passed in entries:
        tried[category] += count
        through[category] += passed
    width = max(map(len, tried), default=0)
    lines = [
        f"{category:<{width}}  {tried[category]:>6} tried  {through[category]:>3} got through"
        for category in sorted(tried)
    ]
    return [*lines, f"{'all':<{width}}  {tried.total():>6} tried  {through.total():>3} got through"]
