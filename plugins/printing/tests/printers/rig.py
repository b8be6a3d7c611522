"""What the contract suite works with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.base import PrinterDriver

from tests.support.waiting import eventually


class Rig(msgspec.Struct, frozen=True):
    """A driver on a fresh, idle printer, and files to print with it."""

    driver: PrinterDriver
    folder: Path

    def gcode(self, commands: int) -> Path:
        """A file that takes 0.1 s a command."""
        path = self.folder / f"{commands}.gcode"
        path.write_bytes(b"; nothing but waiting\nG4 P100\n" + b"G4 P100\n" * (commands - 1))
        return path

    @property
    def short(self) -> Path:
        return self.gcode(8)

    @property
    def long(self) -> Path:
        return self.gcode(5000)

    async def until(self, condition: Callable[[PrinterState], bool], timeout: float = 15) -> PrinterState:
        """The first state read that meets the condition."""
        return (await self.states_until(condition, timeout))[-1]

    async def states_until(self, condition: Callable[[PrinterState], bool], timeout: float = 15) -> list[PrinterState]:
        """All states read up to the first that meets the condition."""
        seen: list[PrinterState] = []

        async def met() -> bool:
            seen.append(await self.driver.read_state())
            return condition(seen[-1])

        await eventually(met, timeout)
        return seen

    async def until_status(self, status: str) -> PrinterState:
        return await self.until(lambda state: state.status == status)
