"""Days as people have them: how far a time zone is from UTC, and when that changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

import msgspec

__all__ = ["Shift", "shifts"]

_STEP = timedelta(days=1)
_EXACT = timedelta(seconds=1)


class Shift(msgspec.Struct, frozen=True):
    """Before `until` (None: for ever) clocks are `seconds` ahead of UTC."""

    until: datetime | None
    seconds: int


def shifts(zone: tzinfo, since: datetime, until: datetime) -> list[Shift]:
    """Of the moments from `since` to `until`, the earliest first; to the second."""
    found: list[Shift] = []
    at = since.astimezone(UTC)
    while at < until:
        following = at + min(_STEP, until - at)
        if _ahead(zone, at) != _ahead(zone, following):
            found.append(Shift(_change(zone, at, following), _ahead(zone, at)))
        at = following
    return [*found, Shift(None, _ahead(zone, at))]


def _change(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    while after - before > _EXACT:
        middle = before + (after - before) / 2
        if _ahead(zone, middle) == _ahead(zone, before):
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _ahead(zone: tzinfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return round(offset.total_seconds()) if offset else 0
