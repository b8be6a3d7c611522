"""The order in which plugins start: `before`, `after` and `requires`, ties by name; plugins on a cycle are named and
left out."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from fluxgate.plugins.record import PluginRecord


def order(records: Iterable[PluginRecord]) -> list[PluginRecord]:
    """The records in start order. Quarantines those on a cycle, and those that require one that isn't served; keeps
    them in the list."""
    records = list(records)
    by_name = {record.name: record for record in records}
    while True:
        usable = {record.name: record for record in records if record.quarantine is None and record.spec is not None}
        failed = False
        for record in usable.values():
            for needed in sorted(record.spec.requires if record.spec else ()):
                if needed not in usable:
                    why = "is quarantined" if needed in by_name else "isn't enabled"
                    record.fail("order", f"requires plugin {needed!r}, which {why}")
                    failed = True
                    break
        if failed:
            continue
        try:
            names = _sorted(usable)
        except CycleError as error:
            cycle: list[str] = error.args[1]
            text = " → ".join(reversed(cycle))
            for name in set(cycle):
                usable[name].fail("order", f"before/after/requires form a cycle: {text}")
            continue
        rest = [record for record in records if record.name not in usable]
        return [*(by_name[name] for name in names), *rest]


def predecessors(records: Iterable[PluginRecord]) -> dict[str, set[str]]:
    """For each plugin that can be served, those that start before it and stop after it."""
    usable = {record.name: record.spec for record in records if record.quarantine is None and record.spec is not None}
    graph: dict[str, set[str]] = {name: set() for name in usable}
    for name, spec in usable.items():
        graph[name] |= (spec.after | spec.requires) & usable.keys()
        for later in spec.before & usable.keys():
            graph[later].add(name)
    return graph


def _sorted(usable: dict[str, PluginRecord]) -> list[str]:
    sorter = TopologicalSorter(predecessors(usable.values()))
    sorter.prepare()
    result: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        result += ready
        sorter.done(*ready)
    return result
