"""Rows of figures, the goals they are held against, and the table. A missed goal is a line, never a failing test."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec


class Plan(msgspec.Struct, frozen=True):
    """How much is measured: `rounds` over all contestants; `quick` leaves out what takes long."""

    rounds: int
    quick: bool


class Goal(msgspec.Struct, frozen=True):
    """`text` says the goal as people read it, `result` the figure it is about, `met` the verdict."""

    text: str
    result: str
    met: bool


class Row(msgspec.Struct, frozen=True):
    """One measure: its figure for each contestant in `unit`, medians over the rounds."""

    group: str
    measure: str
    unit: str
    values: dict[str, float]
    goals: tuple[Goal, ...] = ()


def ratio_at_least(values: Mapping[str, float], peer: str, limit: float, ours: str = "fluxgate") -> Goal:
    """Our figure is to be at least `limit` times the peer's."""
    ratio = values[ours] / values[peer] if values[peer] > 0 else 0.0
    return Goal(f"{_whose(ours)}≥ {limit:g} × {peer}", f"{ratio:.2f} ×", ratio >= limit)


def ratio_at_most(values: Mapping[str, float], peer: str, limit: float, ours: str = "fluxgate") -> Goal:
    """Our figure is to be at most `limit` times the peer's."""
    ratio = values[ours] / values[peer] if values[peer] > 0 else float("inf")
    return Goal(f"{_whose(ours)}≤ {limit:g} × {peer}", f"{ratio:.2f} ×", ratio <= limit)


def _whose(ours: str) -> str:
    return "" if ours == "fluxgate" else f"{ours} "


def at_least(value: float, limit: float, unit: str, ours: str = "fluxgate") -> Goal:
    return Goal(f"{_whose(ours)}≥ {limit:,g} {unit}", f"{_number(value)} {unit}", value >= limit)


def at_most(value: float, limit: float, unit: str, ours: str = "fluxgate") -> Goal:
    return Goal(f"{_whose(ours)}≤ {limit:,g} {unit}", f"{_number(value)} {unit}", value <= limit)


COLUMNS = ("fluxgate", "guarded", "nginx", "hpm", "axios", "direct")


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def table(rows: Sequence[Row]) -> str:
    """A Markdown table: everybody's figures, then goal, result and verdict; further goals on lines of their own."""
    lines = [["measure", "unit", *COLUMNS, "goal", "result", "met"]]
    for row in rows:
        first, *more = row.goals or (Goal("", "", True),)
        verdict = ("yes" if first.met else "NO") if first.text else ""
        numbers = [_number(row.values.get(column)) for column in COLUMNS]
        lines.append([row.measure, row.unit, *numbers, first.text, first.result, verdict])
        lines.extend(
            ["", "", *[""] * len(COLUMNS), goal.text, goal.result, "yes" if goal.met else "NO"] for goal in more
        )
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def save(rows: Sequence[Row], folder: Path, name: str, context: Mapping[str, str | int | float]) -> Path:
    """Writes `{context…, rows: [...]}` as JSON into `folder` and returns the file."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**context, "rows": msgspec.to_builtins(rows)}, indent=2, ensure_ascii=False))
    return path
