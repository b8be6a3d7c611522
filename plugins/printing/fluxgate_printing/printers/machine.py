"""The physics of the simulated printer: how long a command takes, how much filament it eats, how heaters warm up and
cool down.
"""

from __future__ import annotations

import math

from fluxgate_printing.models import Temperature
from fluxgate_printing.printers.gcode import Command

AMBIENT = 21.3
MAX_TOOL = 300.0
MAX_BED = 120.0
HOMING = 5.0  # seconds
LONGEST_COMMAND = 3600.0  # seconds; a feed rate of almost nothing must not stop a simulation for ever
DEFAULT_FEEDRATE = 1500.0  # mm/min, until the file says one


class Heater:
    """A first-order heater: the distance to its target shrinks by a constant factor a second. Temperatures in °C."""

    def __init__(self, heating: float, cooling: float) -> None:
        self.actual = AMBIENT
        self.target = 0.0
        self._heating = heating
        self._cooling = cooling

    def advance(self, seconds: float) -> None:
        """Let time pass; exact for any number of seconds."""
        if self.actual < self.target:
            self.actual = self.target + (self.actual - self.target) * math.exp(-seconds / self._heating)
        else:
            cooled = AMBIENT + (self.actual - AMBIENT) * math.exp(-seconds / self._cooling)
            self.actual = max(cooled, self.target)

    def time_to(self, tolerance: float = 1.0, *, cooling: bool = False) -> float:
        """Seconds until it is hot enough (within `tolerance`); with `cooling`, also until it is cool enough."""
        if self.actual < self.target - tolerance:
            return self._heating * math.log((self.target - self.actual) / tolerance)
        goal = max(self.target, AMBIENT) + tolerance
        if cooling and self.actual > goal:
            return self._cooling * math.log((self.actual - AMBIENT) / (goal - AMBIENT))
        return 0.0

    def reading(self) -> Temperature:
        """As a printer reports it."""
        return Temperature(actual=round(self.actual, 2), target=self.target)


class Machine:
    """One extruder, one bed, three axes. `filament`: mm pushed so far, retractions taken back."""

    def __init__(self) -> None:
        self.tool = Heater(heating=20.0, cooling=60.0)
        self.bed = Heater(heating=60.0, cooling=200.0)
        self.begin()

    def begin(self) -> None:
        """As at the start of a print: axes at zero, absolute, no filament used. Heaters stay as they are."""
        self.filament = 0.0
        self.hottest_tool = 0.0
        self.hottest_bed = 0.0
        self._at = dict.fromkeys("XYZE", 0.0)
        self._absolute = True
        self._absolute_e = True
        self._feedrate = DEFAULT_FEEDRATE

    def advance(self, seconds: float) -> None:
        """Let time pass for the heaters."""
        if seconds <= 0:
            return
        self.tool.advance(seconds)
        self.bed.advance(seconds)

    def heat_off(self) -> None:
        """Both heaters off."""
        self.tool.target = self.bed.target = 0.0

    def execute(self, command: Command) -> float:
        """Carry a command out; seconds that it takes. The heaters' own passing of time is the caller's to `advance`."""
        match command.code:
            case "G0" | "G1" | "G2" | "G3":
                return min(self._move(command), LONGEST_COMMAND)
            case "G4":
                seconds = (command.value("P") or 0.0) / 1000 + (command.value("S") or 0.0)
                return min(max(seconds, 0.0), LONGEST_COMMAND)
            case "G28":
                self._at.update(X=0.0, Y=0.0, Z=0.0)
                return HOMING
            case "G90" | "G91":
                self._absolute = self._absolute_e = command.code == "G90"
            case "G92":
                self._at.update({axis: value for axis in self._at if (value := command.value(axis)) is not None})
            case "M82" | "M83":
                self._absolute_e = command.code == "M82"
            case "M104" | "M109":
                self.hottest_tool = max(self.hottest_tool, _set(self.tool, command))
                return _wait(self.tool, command) if command.code == "M109" else 0.0
            case "M140" | "M190":
                self.hottest_bed = max(self.hottest_bed, _set(self.bed, command))
                return _wait(self.bed, command) if command.code == "M190" else 0.0
            case _:
                pass
        return 0.0

    def overheated(self) -> str | None:
        """Why the printer refuses a target it was given, if it does."""
        if self.hottest_tool > MAX_TOOL:
            return f"The file heats the hotend to {self.hottest_tool:g} °C; this printer goes to {MAX_TOOL:g} °C."
        if self.hottest_bed > MAX_BED:
            return f"The file heats the bed to {self.hottest_bed:g} °C; this printer goes to {MAX_BED:g} °C."
        return None

    def _move(self, command: Command) -> float:
        if (feedrate := command.value("F")) is not None and feedrate > 0:
            self._feedrate = feedrate
        x = self._shift(command, "X", absolute=self._absolute)
        y = self._shift(command, "Y", absolute=self._absolute)
        z = self._shift(command, "Z", absolute=self._absolute)
        e = self._shift(command, "E", absolute=self._absolute_e)
        self.filament += e
        flat = math.hypot(x, y)
        if command.code in {"G2", "G3"}:
            flat = _arc(command, x, y) or flat
        distance = math.hypot(flat, z) or abs(e)
        return distance / (self._feedrate / 60)

    def _shift(self, command: Command, axis: str, *, absolute: bool) -> float:
        to = command.value(axis)
        if to is None:
            return 0.0
        by = to - self._at[axis] if absolute else to
        self._at[axis] += by
        return by


def _set(heater: Heater, command: Command) -> float:
    target = command.value("S")
    if target is None:
        target = command.value("R")
    if target is not None:
        heater.target = max(target, 0.0)
    return heater.target


def _wait(heater: Heater, command: Command) -> float:
    return heater.time_to(cooling=command.value("R") is not None)


def _arc(command: Command, x: float, y: float) -> float:
    """Length in mm of an arc to (x, y) from where the nozzle is, with its centre at I, J; 0 if they aren't given."""
    i, j = command.value("I") or 0.0, command.value("J") or 0.0
    angle = math.atan2(y - j, x - i) - math.atan2(-j, -i)
    if command.code == "G2":
        angle = -angle
    return math.hypot(i, j) * (angle % math.tau or math.tau)
