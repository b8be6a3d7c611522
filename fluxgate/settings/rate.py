"""A rate as people write it: `600/m`, or `600/m burst 50`."""

from __future__ import annotations

import re

import msgspec

__all__ = ["UNLIMITED", "Rate", "parse_rate"]

UNLIMITED = "unlimited"

_RATE = re.compile(r"(?P<count>[1-9][0-9]{0,8})/(?P<unit>[smhd])(?: burst (?P<burst>[1-9][0-9]{0,8}))?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MOST = 1_000_000
"""Requests a second: the limiters count whole microseconds."""


class Rate(msgspec.Struct, frozen=True):
    """`count` requests in each `seconds`, evenly; `burst` of them may come at once after a rest."""

    count: int
    seconds: int
    burst: int

    @property
    def interval(self) -> int:
        """Nanoseconds in which one request's worth comes back."""
        return self.seconds * 1_000_000_000 // self.count


def parse_rate(text: str) -> Rate | None:
    """The rate, or None for `unlimited`. `ValueError` for anything else."""
    if text == UNLIMITED:
        return None
    if (match := _RATE.fullmatch(text)) is None:
        raise ValueError(f'must be like "600/m", "5/s burst 20" (s, m, h, d) or "{UNLIMITED}"')
    count, seconds = int(match["count"]), _SECONDS[match["unit"]]
    if count > seconds * _MOST:
        raise ValueError(f"can't be more than {_MOST} a second")
    return Rate(count, seconds, int(match["burst"] or count))
