"""Finds installed plugins: the entry points of group `fluxgate.plugins`. Nothing is imported here."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from fluxgate.plugins.record import PluginRecord

logger = logging.getLogger("fluxgate.plugins")

GROUP = "fluxgate.plugins"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")


def installed() -> dict[str, EntryPoint]:
    """Installed plugins by name. Of two distributions that claim one name the first on the path wins."""
    found: dict[str, EntryPoint] = {}
    for entry_point in entry_points(group=GROUP):
        taken = found.setdefault(entry_point.name, entry_point)
        if taken is not entry_point and taken.value != entry_point.value:
            logger.warning("plugin %s is %s; %s claims the name too", taken.name, taken.value, entry_point.value)
    return found


def discover(
    enabled: Iterable[str] | None, available: dict[str, EntryPoint]
) -> list[tuple[PluginRecord, EntryPoint | None]]:
    """A record for each enabled plugin (None: every installed one), quarantined if it isn't installed or can't be
    named so."""
    result: list[tuple[PluginRecord, EntryPoint | None]] = []
    for name in dict.fromkeys(sorted(available) if enabled is None else enabled):
        entry_point = available.get(name)
        distribution = entry_point.dist if entry_point is not None else None
        record = PluginRecord(
            name, distribution.name if distribution else None, distribution.version if distribution else None
        )
        if not _NAME.match(name):
            record.fail(
                "discovery", f"{name!r} is not a plugin name: lower-case letters, digits and '-', a letter first"
            )
        elif entry_point is None:
            known = ", ".join(sorted(available)) or "none"
            record.fail("discovery", f"no installed distribution has a plugin {name!r} (installed: {known})")
        result.append((record, entry_point))
    return result
