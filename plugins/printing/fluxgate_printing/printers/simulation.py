"""One simulated print: the commands of a file against simulated time. Used in threads, by one at a time."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from fluxgate_printing.printers.gcode import GcodeReader
from fluxgate_printing.printers.machine import Machine

ANALYSED = 4 * 1024**2  # bytes, about a second of work; a longer file's time is extrapolated
COMMANDS_AT_ONCE = 5000  # about 20 ms of work


class Analysis(msgspec.Struct, frozen=True):
    """What a file will take: `seconds`, mm of `filament`; `refusal`: why this printer won't print it."""

    seconds: float
    filament: float
    refusal: str | None


def analyse(path: Path) -> Analysis:
    """Run a file's beginning through a cold machine. OSError if it can't be read."""
    machine = Machine()
    seconds = 0.0
    with path.open("rb") as file:
        reader = GcodeReader(file)
        while reader.position < ANALYSED and (command := reader.next()) is not None:
            taken = machine.execute(command)
            seconds += taken
            machine.advance(taken)
    scale = 1.0 if reader.finished else path.stat().st_size / reader.position
    return Analysis(seconds * scale, max(machine.filament * scale, 0.0), machine.overheated())


class Simulation:
    """A print in progress on a machine that was told to `begin`.

    `elapsed`: simulated seconds; `fault`: why the machine stopped by itself.
    """

    def __init__(self, path: Path, machine: Machine) -> None:
        """OSError if the file can't be opened."""
        self._size = path.stat().st_size
        self._reader = GcodeReader(path.open("rb"))
        self._machine = machine
        self._rest = 0.0  # seconds that the current command still takes
        self.elapsed = 0.0
        self.done = False
        self.fault: str | None = None

    @property
    def completion(self) -> float:
        """Percent of the file's bytes."""
        return 100.0 if self.done or not self._size else 100.0 * self._reader.position / self._size

    def advance(self, seconds: float, stop_at: float = math.inf) -> None:
        """Print for `seconds`, or less: to the end, until `completion` is `stop_at`, or as far as one call may go."""
        for _ in range(COMMANDS_AT_ONCE):
            spent = min(seconds, self._rest)
            self._machine.advance(spent)
            self.elapsed += spent
            seconds -= spent
            self._rest -= spent
            if self._rest > 0 or self.completion >= stop_at:
                return
            command = self._reader.next()
            if command is None:
                self.done = True
                return
            self._rest = self._machine.execute(command)
            if (fault := self._machine.overheated()) is not None:
                self.fault = fault
                return

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
